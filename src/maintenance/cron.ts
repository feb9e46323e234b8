/** The cron expressions of the jobs. wrangler.toml has the same two; a test compares them. */

export const EVERY_MINUTE = '* * * * *'
export const EVERY_HOUR = '17 * * * *'
