import type { Fields } from "../fields.ts";
import type { Google } from "../google.ts";
import type { Live, ResourceType } from "../provider.ts";
import { fromRest } from "../rest.ts";
import {
  apart,
  autonamed,
  computed,
  defaulting,
  deletionPolicy,
  deletionProtection,
  flag,
  list,
  map,
  named,
  object,
  objects,
  output,
  project,
  type Properties,
  replacing,
  required,
  secretly,
  text,
} from "../schema.ts";
import { collection } from "./collection.ts";
import { expand, match } from "./paths.ts";
import { stringOf } from "../values.ts";

const encryption = object({ kmsKeyName: required(text) });

const secret = collection({
  token: "gcp:secretmanager/secret:Secret",
  api: "secretManager",
  collection: "projects/{project}/secrets",
  nameParameter: ["secretId", "secretId"],
  self: "projects/{project}/secrets/{secretId}",
  importForms: ["{project}/{secretId}"],
  update: "masked",
  properties: {
    secretId: autonamed,
    project,
    replication: required(
      replacing(
        object({
          auto: named("automatic", object({ customerManagedEncryption: encryption })),
          userManaged: object({
            replicas: required(objects({ location: required(text), customerManagedEncryption: encryption })),
          }),
        }),
      ),
    ),
    annotations: map,
    labels: map,
    expireTime: computed(text),
    rotation: object({ nextRotationTime: text, rotationPeriod: text }),
    topics: list(object({ name: required(text) })),
    ttl: apart(text),
    versionAliases: map,
    versionDestroyTtl: text,
    deletionPolicy,
    deletionProtection: deletionProtection(false),
    createTime: output(text),
    name: output(text),
  },
  body: ({ ttl }) => (ttl === undefined ? {} : { ttl }),
});

const version: Properties = {
  secret: replacing(required(apart(text))),
  secretData: { ...replacing(secretly(text)), apart: true },
  isSecretDataBase64: { ...replacing(text), type: { kind: "boolean" }, own: true },
  enabled: apart(defaulting(true, flag)),
  deletionPolicy: { ...deletionPolicy, oneOf: ["DELETE", "ABANDON", "DISABLE", "PREVENT"] },
  createTime: output(text),
  destroyTime: output(text),
  name: output(text),
  version: output(text),
};
const VERSION = "projects/{project}/secrets/{secret}/versions/{version}";

async function readVersion(google: Google, known: Fields): Promise<Live | undefined> {
  const name = String(known.name);
  const resource = await google.find("secretManager", name);
  if (!resource || resource.state === "DESTROYED") return undefined;
  return live(resource);
}

function live(resource: Fields): Live {
  const name = String(resource.name);
  const parts = match(VERSION, name) ?? {};
  return {
    id: name,
    values: {
      ...fromRest(version, resource),
      version: parts.version,
      enabled: resource.state === "ENABLED",
    },
  };
}

const verb = (google: Google, name: unknown, action: "enable" | "disable" | "destroy"): Promise<Fields> =>
  google.call("secretManager", "POST", `${String(name)}:${action}`, { body: {} });

const secretVersion: ResourceType = {
  token: "gcp:secretmanager/secretVersion:SecretVersion",
  properties: version,
  idForms: [VERSION],
  parseId: (id) => {
    const parts = match(VERSION, id);
    // Contains the project's number, as in the API and the official provider.
    return parts && { name: id, secret: expand("projects/{project}/secrets/{secret}", parts) };
  },
  create: async (google, inputs) => {
    const data = stringOf(inputs.secretData);
    const payload = { data: inputs.isSecretDataBase64 === true ? data : Buffer.from(data).toString("base64") };
    const path = expand("{secret}:addVersion", inputs);
    const made = await google.call("secretManager", "POST", path, { body: { payload } });
    return live(inputs.enabled === false ? await verb(google, made.name, "disable") : made);
  },
  read: async (google, id, known) => {
    const found = await readVersion(google, { name: known.name ?? id });
    if (!found || known.secretData !== undefined) return found;
    const { payload } = await google.call("secretManager", "GET", `${found.id}:access`);
    const data = Buffer.from(stringOf((payload as Fields | undefined)?.data), "base64").toString();
    const secret = found.id.replace(/\/versions\/.*$/, "");
    return { ...found, values: { ...found.values, secret, secretData: data } };
  },
  update: async (google, id, { after }) => {
    return live(await verb(google, id, after.enabled === false ? "disable" : "enable"));
  },
  delete: (google, id, state) => verb(google, id, state.deletionPolicy === "DISABLE" ? "disable" : "destroy"),
};

export const secretManagerTypes: readonly ResourceType[] = [secret, secretVersion];
