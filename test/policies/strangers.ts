import type { Case } from "./case.ts";
import { access } from "./strangers/access.ts";
import { connectionNames } from "./strangers/connection-names.ts";
import { connectionStrings } from "./strangers/connection-strings.ts";
import { conventions } from "./strangers/conventions.ts";
import { credentials } from "./strangers/credentials.ts";
import { databases } from "./strangers/databases.ts";
import { networks } from "./strangers/networks.ts";
import { replicas } from "./strangers/replicas.ts";
import { secrets } from "./strangers/secrets.ts";

/** Programs as people write them who have never seen this project, by subject. */
export const strangers: readonly Case[] = [
  ...access,
  ...connectionNames,
  ...connectionStrings,
  ...conventions,
  ...credentials,
  ...databases,
  ...networks,
  ...replicas,
  ...secrets,
];
