// Extracts the served part of Google's APIs into discovery.json and roles.json: node contract/take-over.mjs FOLDER
// FOLDER/discovery contains documents such as secretmanager.v1.json, from https://NAME.googleapis.com/$discovery/rest?version=VERSION,
// FOLDER/roles.json the predefined roles: a title and the permissions of each, and FOLDER/googleapis the .proto files of
// https://github.com/googleapis/googleapis, which have the numbers of enums.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The collections that the embedded cloud serves, as prefixes of method ids. */
const SERVED = {
  "artifactregistry.v1": ["get", "list", "getIamPolicy", "setIamPolicy", "testIamPermissions"].map(
    (method) => `artifactregistry.projects.locations.repositories.${method}`,
  ),
  "cloudkms.v1": ["cloudkms.projects.locations.keyRings"],
  "cloudresourcemanager.v1": ["cloudresourcemanager.projects"],
  "cloudresourcemanager.v3": ["cloudresourcemanager.projects"],
  "compute.v1": [
    ...["networks", "subnetworks", "globalAddresses", "globalOperations", "regionOperations", "regions"].map(
      (collection) => `compute.${collection}`,
    ),
    ...[
      "regionNetworkEndpointGroups",
      "backendServices",
      "urlMaps",
      "targetHttpsProxies",
      "sslCertificates",
      "sslPolicies",
      "globalForwardingRules",
    ].flatMap((collection) =>
      [
        "delete",
        "get",
        "insert",
        "list",
        "patch",
        "update",
        "setLabels",
        "setSslCertificates",
        "setSslPolicy",
        "setTarget",
      ]
        .concat("setUrlMap")
        .map((method) => `compute.${collection}.${method}`),
    ),
  ],
  "iam.v1": [
    "iam.permissions.queryTestablePermissions",
    "iam.projects.roles",
    "iam.projects.serviceAccounts",
    "iam.projects.locations.workloadIdentityPools",
  ],
  "iamcredentials.v1": ["iamcredentials.projects.serviceAccounts"],
  "logging.v2": ["logging.entries"],
  "monitoring.v1": ["monitoring.projects.dashboards"],
  "monitoring.v3": [
    "monitoring.projects.alertPolicies",
    "monitoring.projects.notificationChannels",
    "monitoring.projects.timeSeries",
    "monitoring.projects.uptimeCheckConfigs",
  ],
  "run.v2": ["run.projects.locations"],
  "secretmanager.v1": ["secretmanager.projects.secrets"],
  "servicenetworking.v1": ["servicenetworking.services.connections", "servicenetworking.operations"],
  "serviceusage.v1": ["serviceusage"],
  "sqladmin.v1beta4": ["sql"],
  "storage.v1": ["storage"],
};

/** Where the enums of an API are declared, besides {@link SHARED}; Compute Engine and Cloud Storage know no numbers. */
const PROTOS = {
  "cloudkms.v1": ["google/cloud/kms/v1"],
  "cloudresourcemanager.v1": ["google/cloud/resourcemanager/v3"],
  "cloudresourcemanager.v3": ["google/cloud/resourcemanager/v3"],
  "iam.v1": ["google/iam/admin/v1"],
  "logging.v2": ["google/logging"],
  "monitoring.v1": ["google/monitoring/dashboard/v1"],
  "monitoring.v3": ["google/monitoring/v3"],
  "run.v2": ["google/cloud/run/v2"],
  "secretmanager.v1": ["google/cloud/secretmanager/v1"],
  "serviceusage.v1": ["google/api/serviceusage/v1"],
  "sqladmin.v1beta4": ["google/cloud/sql/v1beta4"],
};
const SHARED = ["google/api", "google/iam/v1"];

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error("Name the folder of discovery/, googleapis/ and roles.json: node contract/take-over.mjs FOLDER");
  process.exit(2);
}

/** Finds the numbers of an enum's values, for the API that is being read. */
let numbersOf;
const apis = Object.entries(SERVED).map(([name, prefixes]) => {
  const document = JSON.parse(readFileSync(join(folder, "discovery", `${name}.json`), "utf8"));
  const enums = PROTOS[name] === undefined ? [] : [...PROTOS[name], ...SHARED].flatMap(enumsIn);
  numbersOf = (values) => numbersFrom(enums, values);
  const methods = methodsOf(document).filter(({ id }) =>
    prefixes.some((prefix) => id === prefix || id.startsWith(`${prefix}.`)),
  );
  const schemas = {};
  for (const { request, response } of methods) {
    for (const body of [request, response]) if (body) collect(body.$ref, document.schemas, schemas);
  }
  const api = { name, methods: methods.map((method) => methodOf(method, document.servicePath)), schemas };
  return [name, api];
});
writeFileSync(
  join(import.meta.dirname, "discovery.json"),
  `{\n${apis.map(([name, api]) => `${JSON.stringify(name)}: ${linesOf(api)}`).join(",\n")}\n}\n`,
);

/**
 * Permissions that the public lists of the basic roles lack.
 * https://cloud.google.com/iam/docs/roles-overview#basic
 */
const ALSO = ["globalOperations.get", "globalOperations.list", "projects.get", "regionOperations.get"].map(
  (permission) => `compute.${permission}`,
);
const BASIC = ["roles/owner", "roles/editor", "roles/viewer"];

/** The services whose permissions the embedded cloud checks. */
const SERVICES = Object.keys(SERVED).map((name) =>
  name.split(".")[0].replace("sqladmin", "cloudsql").replace("cloudresourcemanager", "resourcemanager"),
);
const roles = Object.entries(JSON.parse(readFileSync(join(folder, "roles.json"), "utf8"))).map(
  ([role, { permissions }]) =>
    `${JSON.stringify(role)}: ${JSON.stringify(verbsOf(BASIC.includes(role) ? [...permissions, ...ALSO] : permissions))}`,
);
writeFileSync(join(import.meta.dirname, "roles.json"), `{\n${roles.join(",\n")}\n}\n`);

/** Permissions as verbs by resource: `{"run.services": "get list"}`. */
function verbsOf(permissions) {
  const verbs = {};
  for (const permission of permissions.filter((name) => SERVICES.includes(name.split(".")[0]))) {
    const end = permission.lastIndexOf(".");
    (verbs[permission.slice(0, end)] ??= []).push(permission.slice(end + 1));
  }
  return Object.fromEntries(Object.entries(verbs).map(([resource, names]) => [resource, names.join(" ")]));
}

/** One line per method and schema, so that a diff shows what Google changed. */
function linesOf({ methods, schemas }) {
  const rows = Object.entries(schemas).map(([name, schema]) => `${JSON.stringify(name)}: ${JSON.stringify(schema)}`);
  return `{"methods": [\n${methods.map((method) => JSON.stringify(method)).join(",\n")}\n], "schemas": {\n${rows.join(",\n")}\n}}`;
}

function methodsOf({ methods = {}, resources = {} }) {
  return [...Object.values(methods), ...Object.values(resources).flatMap(methodsOf)];
}

function methodOf(
  { id, httpMethod, flatPath, path, parameters = {}, request, response, mediaUpload, ...rest },
  servicePath,
) {
  const query = Object.entries(parameters).filter(([, { location }]) => location === "query");
  const upload = Object.values(mediaUpload?.protocols ?? {}).map((protocol) => protocol.path);
  const main = `/${servicePath}${flatPath ?? path}`;
  return {
    id,
    verb: httpMethod,
    paths: [main, ...upload, ...(rest.useMediaDownloadService ? [`/download${main}`] : [])],
    query: Object.fromEntries(query.map(([name, parameter]) => [name, typeOf(parameter)])),
    ...(request && { request: request.$ref }),
    ...(response && { response: response.$ref }),
  };
}

/** Collects a schema and everything it refers to. */
function collect(name, from, into) {
  if (into[name] !== undefined) return;
  const { properties = {}, additionalProperties } = from[name];
  into[name] = Object.fromEntries(Object.entries(properties).map(([field, schema]) => [field, typeOf(schema)]));
  if (additionalProperties) into[name]["*"] = typeOf(additionalProperties);
  for (const schema of [...Object.values(properties), additionalProperties]) {
    for (const reference of referencesOf(schema)) collect(reference, from, into);
  }
}

function referencesOf(schema) {
  if (schema === undefined) return [];
  if (schema.$ref) return [schema.$ref];
  return [schema.items, schema.additionalProperties, ...Object.values(schema.properties ?? {})].flatMap(referencesOf);
}

/** The short form of a type: its format or name, or an object that describes its parts. */
function typeOf(schema) {
  const { $ref, type, format, items, additionalProperties, properties, readOnly, repeated } = schema;
  const values = schema.enum;
  let short = format ?? type;
  if ($ref) short = { ref: $ref };
  else if (type === "array") short = { list: typeOf(items) };
  else if (properties) {
    short = { fields: Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, typeOf(field)])) };
  } else if (additionalProperties) short = { map: typeOf(additionalProperties) };
  else if (values) short = { enum: values, ...numbersOf(values) };
  if (repeated) short = { list: short };
  return readOnly ? { readOnly: short } : short;
}

/** The enums in a folder of .proto files, as numbers by name. */
function enumsIn(path) {
  const protos = join(folder, "googleapis", path);
  const files = existsSync(protos) ? readdirSync(protos, { recursive: true }) : [];
  return files
    .filter((file) => file.endsWith(".proto"))
    .flatMap((file) => {
      const text = readFileSync(join(protos, file), "utf8")
        .replace(/\/\/.*|\/\*[^]*?\*\//g, "")
        .replace(/\[[^\]]*\]/g, "");
      return [...text.matchAll(/\benum \w+ \{([^}]*)\}/g)].map(([, body]) =>
        Object.fromEntries(
          [...body.matchAll(/^\s*(\w+) = (\d+)\s*;/gm)].map(([, name, number]) => [name, Number(number)]),
        ),
      );
    });
}

/**
 * The numbers of an enum from the declaration that has most of its names; null for a newer name. Empty if they are the
 * positions, or no declaration is public.
 */
function numbersFrom(enums, values) {
  const likeness = (one) =>
    values.filter((name) => name in one).length / new Set([...values, ...Object.keys(one)]).size;
  const [best] = enums.filter((one) => values[0] in one).sort((a, b) => likeness(b) - likeness(a));
  if (best === undefined || likeness(best) < 0.5) return {};
  const numbers = values.map((name) => best[name] ?? null);
  return numbers.every((number, position) => number === position) ? {} : { numbers };
}
