import { isPlaceholder } from "./connection-strings.ts";
import { UNKNOWN, type Value } from "./values.ts";

const PASSWORD = "(?:PASSWORD|PASSWD|PASSPHRASE|_PWD|(?:^|_)(?:DB|PG)?PASS|_PW)";
const KEY = "(?:API|APP|ACCESS|SECRET|PRIVATE|SIGNING|ENCRYPTION|MASTER)_?KEY(?:_BASE)?";
const CREDENTIAL = new RegExp(`(?:${PASSWORD}|(?:^|_)(?:SECRET|TOKEN)|${KEY})$`, "i");
const DIGITS_MAY_BE_IT = new RegExp(`${PASSWORD}$`, "i");
/** `DB_PASSWORD_SECRET` names a secret; `ACCESS_TOKEN_SECRET` and `API_KEY_SECRET` are credentials themselves. */
const NAME_OF_SECRET = new RegExp(`${PASSWORD}_SECRET$`, "i");

/** https://cloud.google.com/secret-manager/docs/creating-and-accessing-secrets#create-a-secret */
const SECRET_ID = /^[\w-]{1,255}$/;
/** Words joined by hyphens or underscores, as in names; passwords rarely look like this. */
const WORDS = /^(?:[a-z][a-z0-9]*(?:[-_][a-z0-9]+)+|[A-Z][A-Z0-9]*(?:[-_][A-Z0-9]+)+)$/;
/** A file path, or the full name of a secret. */
const LOCATION = /^(?:\/|projects\/[^/]+\/secrets\/)/;

/** Prefixes by which frameworks compile a variable into the pages that every browser loads. */
const PUBLIC = /^(?:NEXT_PUBLIC|NUXT_PUBLIC|EXPO_PUBLIC|PUBLIC|VITE|REACT_APP|VUE_APP|GATSBY)_/;

/** Whether the name of a variable, an option or a label suggests a credential; its value may still show otherwise. */
export function isCredentialName(name: string): boolean {
  return CREDENTIAL.test(name.replaceAll("-", "_")) && !PUBLIC.test(name);
}

const SWITCH = /^(?:true|false|yes|no|on|off|0|1|never|always|none|auto|enabled|disabled|required|optional)$/i;

/** Whether a value is clearly not a credential: a switch, a limit, or the location of one. */
export function isHarmless(name: string, value: Value): boolean {
  if (value === undefined || value === "") return true;
  if (typeof value !== "string") return false;
  if (SWITCH.test(value) || LOCATION.test(value) || isPlaceholder(value)) return true;
  if (/^\d+(?:\.\d+)?$/.test(value)) return !DIGITS_MAY_BE_IT.test(name);
  return NAME_OF_SECRET.test(name) && WORDS.test(value);
}

/** Whether a value may be a secret's id; only the stack's other resources can tell. */
export function mayBeSecretId(name: string, value: Value): boolean {
  return value === UNKNOWN ? /SECRET$/i.test(name) : typeof value === "string" && SECRET_ID.test(value);
}
