/** When jobs run, as cron expressions. wrangler.toml names the same two; a test compares them. */

export const EVERY_MINUTE = '* * * * *'
export const EVERY_HOUR = '17 * * * *'
