// Extracts from the definitions of Google's predefined roles which ones hold the permissions in permissions.ts, into roles.json:
// node policies/model/take-over.mjs FOLDER
// FOLDER has a file for each role, as `gcloud iam roles describe ROLE --format json` prints it, such as gcp/roles in
// https://github.com/iann0036/iam-dataset.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ADMINISTRATIVE, IMPERSONATING, isPermission } from "./permissions.ts";

/** Roles that Google documents for the accounts of its own workers, which cannot do without them. */
const WORKERS = ["roles/cloudbuild.builds.builder", "roles/composer.worker"];

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("Name the folder with the roles: node policies/model/take-over.mjs FOLDER");
  process.exit(2);
}

const roles = readdirSync(folder)
  .map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")))
  .filter(({ name }) => !/serviceAgent/i.test(name) && !WORKERS.includes(name));
const holders = [...IMPERSONATING, ...ADMINISTRATIVE].map((permission) => [
  permission,
  roles
    .filter(({ includedPermissions = [] }) => includedPermissions.some((held) => isPermission(held, permission)))
    .map(({ name }) => name),
]);
writeFileSync(join(import.meta.dirname, "roles.json"), `${JSON.stringify(Object.fromEntries(holders), null, 2)}\n`);
