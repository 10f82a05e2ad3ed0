// @ts-check
"use strict";

const { URLSearchParams } = require("node:url");

/**
 * What `pg` needs to connect.
 * @typedef {{ user: string, password: string, database: string, host: string, port: number }} Connection
 */

const FORM = "postgresql+asyncpg://USER:PASSWORD@/DATABASE?host=/cloudsql/PROJECT:REGION:INSTANCE";
const URL_FORM = /^[a-z0-9+]+:\/\/([^:@/?#]+):([^@/?#]+)@([^:@/?#]*)(?::(\d+))?\/([^/?#]+)(?:\?([^#]*))?$/;

/**
 * Parses the secret's connection string, in SQLAlchemy's form.
 * @param {string | undefined} url The value of `DATABASE_URL`.
 * @returns {Connection}
 * @throws {Error} without the credential, if it is missing or not PostgreSQL's.
 */
function readConnection(url) {
  if (!url) throw new Error(`DATABASE_URL is not set, and there is no default; expected ${FORM}.`);
  const driver = /^([a-z0-9+]+):/.exec(url)?.[1] ?? "";
  if (driver !== "" && !/^postgres(ql)?(\+[a-z0-9]+)?$/.test(driver)) {
    throw new Error(`DATABASE_URL uses the driver "${driver}", which is not PostgreSQL; expected ${FORM}.`);
  }
  const [, user = "", password = "", authority = "", port = "5432", database = "", query] = URL_FORM.exec(url) ?? [];
  // As in libpq, a host can be the folder of the server's socket.
  const host = new URLSearchParams(query).get("host") ?? authority;
  if (driver === "" || user === "" || host === "") throw new Error(`DATABASE_URL does not have the form ${FORM}.`);
  try {
    const decode = decodeURIComponent;
    return { user: decode(user), password: decode(password), database: decode(database), host, port: Number(port) };
  } catch {
    throw new Error("DATABASE_URL contains an invalid percent-encoding.");
  }
}

module.exports = { readConnection };
