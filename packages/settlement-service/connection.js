// @ts-check
"use strict";

const { URLSearchParams } = require("node:url");

/**
 * What `pg` needs to connect.
 * @typedef {{ user: string, password: string, database: string, host: string, port: number }} Connection
 */

const FORM = "postgresql+asyncpg://USER:PASSWORD@/DATABASE?host=/cloudsql/PROJECT:REGION:INSTANCE";
const URL_FORM = /^[a-z0-9+]+:\/\/([^:@/?#]+):([^@/?#]+)@([^:@/?#]*)(?::(\d+))?\/([^/?#]+)(?:\?([^#]*))?$/;
const POSTGRES_PORT = "5432";

/**
 * Reads a connection string in SQLAlchemy's form, as it stands in the secret.
 * @param {string | undefined} url The value of `DATABASE_URL`.
 * @returns {Connection}
 * @throws {Error} with one sentence, which never holds the credential, where it is missing or not PostgreSQL's.
 */
function readConnection(url) {
  if (!url) throw new Error(`DATABASE_URL is not set, and the service has no other database; expected ${FORM}.`);
  const driver = /^([a-z0-9+]+):/.exec(url)?.[1] ?? "";
  if (driver !== "" && !/^postgres(ql)?(\+[a-z0-9]+)?$/.test(driver)) {
    throw new Error(`DATABASE_URL uses the driver "${driver}", which is not PostgreSQL; expected ${FORM}.`);
  }
  const [, user = "", password = "", authority = "", port, database = "", query] = URL_FORM.exec(url) ?? [];
  // As in libpq, a host that is a folder holds the server's socket.
  const host = new URLSearchParams(query).get("host") ?? authority;
  if (driver === "" || user === "" || host === "") throw new Error(`DATABASE_URL does not have the form ${FORM}.`);
  try {
    const [plainUser, plainPassword, plainDatabase] = [user, password, database].map(decodeURIComponent);
    return {
      user: plainUser,
      password: plainPassword,
      database: plainDatabase,
      host,
      port: Number(port ?? POSTGRES_PORT),
    };
  } catch {
    throw new Error("DATABASE_URL contains a broken percent-encoding.");
  }
}

module.exports = { readConnection };
