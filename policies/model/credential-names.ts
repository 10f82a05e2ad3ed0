import { UNKNOWN, type Value } from "./values.ts";

const PASSWORD = "(?:PASSWORD|PASSWD|PASSPHRASE|_PWD|(?:^|_)(?:DB|PG)?PASS)";
const KEY = "(?:API|ACCESS|SECRET|PRIVATE|SIGNING|ENCRYPTION)_?KEY";
const CREDENTIAL = new RegExp(`(?:${PASSWORD}|(?:^|_)(?:SECRET|TOKEN)|${KEY})$`, "i");
const DIGITS_MAY_BE_IT = new RegExp(`${PASSWORD}$`, "i");
/** `ACCESS_TOKEN_SECRET` and `API_KEY_SECRET` are credentials themselves; the secret of a password is where it is kept. */
const NAME_OF_SECRET = new RegExp(`${PASSWORD}_SECRET$`, "i");

/** https://cloud.google.com/secret-manager/docs/creating-and-accessing-secrets#create-a-secret */
const SECRET_ID = /^[\w-]{1,255}$/;
/** Words joined as people name things; a password that is typed has seldom two. */
const WORDS = /^(?:[a-z][a-z0-9]*(?:[-_][a-z0-9]+)+|[A-Z][A-Z0-9]*(?:[-_][A-Z0-9]+)+)$/;
/** A path of a file, or the full name of a secret. */
const LOCATION = /^(?:\/|projects\/[^/]+\/secrets\/)/;

/** Whether a variable with this name holds a credential, unless its value shows that it does not. */
export function isCredentialName(name: string): boolean {
  return CREDENTIAL.test(name);
}

/** Whether a value shows by itself that it is no credential: a switch, a limit, or the place where one is kept. */
export function isHarmless(name: string, value: Value): boolean {
  if (value === undefined || value === "") return true;
  if (typeof value !== "string") return false;
  if (/^(?:true|false|yes|no|on|off|0|1)$/i.test(value) || LOCATION.test(value)) return true;
  if (/^\d+(?:\.\d+)?$/.test(value)) return !DIGITS_MAY_BE_IT.test(name);
  return NAME_OF_SECRET.test(name) && WORDS.test(value);
}

/** Whether a value may be the id of a secret, which only the other resources of the stack can tell. */
export function mayBeSecretId(name: string, value: Value): boolean {
  return value === UNKNOWN ? /SECRET$/i.test(name) : typeof value === "string" && SECRET_ID.test(value);
}
