// Queries an instance by Google's connector. jest cannot run it: it imports modules on demand.
import { Connector } from "@google-cloud/cloud-sql-connector";
import { OAuth2Client } from "google-auth-library";
import pg from "pg";

const { CLOUD, TOKEN, INSTANCE, PASSWORD } = process.env;
const auth = new OAuth2Client();
auth.setCredentials({ access_token: TOKEN, expiry_date: Date.now() + 3600_000 });
const connector = new Connector({ auth, sqlAdminAPIEndpoint: CLOUD });
// Also for the refresh in the background.
process.on("uncaughtException", ({ message }) => {
  console.log(message);
  process.exit();
});
const options = await connector.getOptions({ instanceConnectionName: INSTANCE });
const client = new pg.Client({ ...options, user: "postgres", password: PASSWORD, database: "postgres" });
await client.connect();
console.log((await client.query("SELECT 'connected' AS it")).rows[0].it);
await client.end();
connector.close();
