import { parseConnectionString } from "../../infra/connection.ts";
import { SECRET } from "../terminal/values.ts";

/** A password in a URL. */
const IN_URL = /(:\/\/[^\s:@/"'\\]*:)[^\s@/"'\\]+@/g;

/** A password in PostgreSQL's log: https://www.rfc-editor.org/rfc/rfc5803 */
const VERIFIER = /SCRAM-SHA-256\$[\w+/=$:]+/g;

/** Replaces the values of secrets that it has learned. */
export class Blank {
  private readonly values = new Set<string>();

  /** Remembers a secret; of a connection string also the password. */
  learn(value: string): void {
    if (value === "") return;
    this.values.add(value);
    const parsed = parseConnectionString(value);
    if (parsed.ok) this.values.add(parsed.value.password);
  }

  /** A text with every known secret, and every password in a URL, replaced. */
  readonly text = (text: string): string => {
    let blanked = text;
    // The longest first: a connection string contains its password.
    for (const value of [...this.values].sort((one, other) => other.length - one.length))
      for (const form of [value, encodeURIComponent(value), Buffer.from(value).toString("base64")])
        blanked = blanked.replaceAll(form, SECRET);
    return blanked.replace(IN_URL, `$1${SECRET}@`).replace(VERIFIER, SECRET);
  };
}
