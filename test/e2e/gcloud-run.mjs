// Stands in for `gcloud run services update`, which cannot reach an embedded cloud (docs/LOCAL_TOOLS.md): the real gcloud
// reads the command line, and the change is sent by the API of today.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

const [real = "", ...args] = process.argv.slice(2);
const { CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN: url, CLOUDSDK_AUTH_ACCESS_TOKEN_FILE: file = "" } = process.env;

// It cannot reach this address, and would retry.
const env = { ...process.env, CLOUDSDK_API_ENDPOINT_OVERRIDES_RUN: "http://127.0.0.1:9/" };
const read = spawnSync(real, args, { env, timeout: 4_000, encoding: "utf8" });
if (/ERROR: \(gcloud[^)]*\) (argument|unrecognized|Invalid)/.test(read.stderr)) {
  console.error(read.stderr);
  process.exit(2);
}

const [, , , service, ...options] = args;
const given = Object.fromEntries(options.map((option) => /^--([\w-]+)=(.*)$/s.exec(option)?.slice(1) ?? [option, ""]));
const { project, region, ...changes } = given;
const path = `/v2/projects/${project}/locations/${region}/services/${service}`;
const headers = { authorization: `Bearer ${readFileSync(file, "utf8")}`, "content-type": "application/json" };
const live = await ask("GET", path);
const [container] = live.template.containers;
for (const [option, value] of Object.entries(changes)) change(option, value);
const operation = await ask("PATCH", path, live);
const done = await ask("POST", `/v2/${operation.name}:wait`, {});
if (done.error) throw new Error(done.error.message);

function change(option, value) {
  if (option === "image") container.image = value;
  else if (option === "max-instances")
    live.template.scaling = { ...live.template.scaling, maxInstanceCount: Number(value) };
  else if (option === "remove-env-vars") container.env = container.env.filter(({ name }) => name !== value);
  else if (option === "set-cloudsql-instances") {
    live.template.volumes = live.template.volumes.map((volume) =>
      volume.cloudSqlInstance ? { ...volume, cloudSqlInstance: { instances: [value] } } : volume,
    );
  } else if (option === "update-secrets") {
    const [, name, secret, version] = /^(\w+)=([\w-]+):(\w+)$/.exec(value) ?? [];
    const others = (container.env ?? []).filter((variable) => variable.name !== name);
    container.env = [...others, { name, valueSource: { secretKeyRef: { secret, version } } }];
  } else throw new Error(`gcloud-run.mjs does not know --${option}.`);
}

async function ask(method, where, body) {
  const init = { method, headers, ...(body && { body: JSON.stringify(body) }) };
  const response = await fetch(new URL(where, url), init);
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${where}: ${text}`);
  return JSON.parse(text);
}
