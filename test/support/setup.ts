/** Every test file begins with an empty database that has the schema. */
import { env } from 'cloudflare:workers'

// As Wrangler notes what it applied.
const noted = [
  'CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, ' +
    'applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)',
  ...env.TEST_MIGRATIONS.map(({ name }) => `INSERT INTO d1_migrations (name) VALUES ('${name}')`),
]

// In one round trip: applyD1Migrations takes one for each of some 50 statements, in each of the many files.
const statements = [...env.TEST_MIGRATIONS.flatMap(({ queries }) => queries), ...noted]
await env.DB.batch(statements.map((query) => env.DB.prepare(query)))
