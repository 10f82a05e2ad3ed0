import type { Collection, Store } from "../../state/store.ts";
import type { Secret } from "./secret.ts";
import type { StoredSecret, Version } from "./version.ts";

/** Secrets by name, each with its versions. A secret and each version are values of their own, so that a new one is all that is written. */
export class Secrets {
  /** States from before versions were stored alone have them here. */
  private readonly secrets: Collection<{ readonly secret: Secret; readonly versions?: readonly Version[] }>;
  private readonly stored: Collection<Version>;
  /** The versions of each secret, oldest first: version `n` is at `n - 1`. */
  private readonly versions = new Map<string, Version[]>();

  constructor(store: Store) {
    this.secrets = store.collection("secrets");
    this.stored = store.collection("secret-versions");
    for (const key of this.stored.keys()) {
      const version = this.stored.get(key);
      const name = key.slice(0, key.lastIndexOf("/versions/"));
      // Without its secret, it is what a killed process did not delete any more.
      if (!this.secrets.get(name)) this.stored.delete(key);
      else if (version) this.remember(name, version);
    }
    for (const { secret, versions } of this.secrets.values()) {
      for (const version of versions ?? []) this.putVersion(secret.name, version);
      if (versions) this.put(secret);
    }
  }

  get(name: string): StoredSecret | undefined {
    const found = this.secrets.get(name);
    return found && { secret: found.secret, versions: this.versions.get(name) ?? [] };
  }

  /** All secrets, by name. */
  list(): Secret[] {
    return this.secrets.values().map(({ secret }) => secret);
  }

  /** Stores a secret; its versions stay. */
  put(secret: Secret): Secret {
    return this.secrets.put(secret.name, { secret }).secret;
  }

  /** Stores a version of an existing secret: the next one, or a change of an earlier one. */
  putVersion(secret: string, version: Version): void {
    this.stored.put(keyOf(secret, version), version);
    this.remember(secret, version);
  }

  /** Deletes a secret and its versions. */
  delete(name: string): void {
    this.secrets.delete(name);
    for (const version of this.versions.get(name) ?? []) this.stored.delete(keyOf(name, version));
    this.versions.delete(name);
  }

  private remember(secret: string, version: Version): void {
    const all = this.versions.get(secret) ?? [];
    all[version.number - 1] = version;
    this.versions.set(secret, all);
  }
}

function keyOf(secret: string, { number }: Version): string {
  return `${secret}/versions/${number}`;
}
