import type { Case } from "../case.ts";
import { type Declared, UNKNOWN_TEXT } from "../declare.ts";
import { ACCOUNT, bucket, container, generated, instance, service, user } from "../good.ts";

const NO_PLAIN = "no-plain-credentials";

function variable(name: string, value: string): Declared[] {
  return [service({ serviceAccount: ACCOUNT, volumes: [], containers: [container([{ name, value }], {})] })].map(alone);
}

/** A service that refers to nothing else. */
function alone({ type, name, props }: Declared): Declared {
  return { type, name, props };
}

function args(...words: readonly string[]): Declared[] {
  return [service({ serviceAccount: ACCOUNT, volumes: [], containers: [container([], { args: words })] })].map(alone);
}

const IN_CLEAR = /holds a credential in plain text; store it in Secret Manager/;
const AS_URL = /holds a (?:URL|connection string) with a password/;

function row(title: string, breaks: readonly Declared[], says: RegExp, passes: readonly Declared[]): Case {
  return { policy: NO_PLAIN, title, breaks, says, passes };
}

function fn(environmentVariables: Readonly<Record<string, string>>): Declared[] {
  const type = "gcp:cloudfunctionsv2/function:Function";
  return [{ type, name: "hook", props: { name: "hook", serviceConfig: { environmentVariables } } }];
}

function fnV1(environmentVariables: Readonly<Record<string, string>>): Declared[] {
  const type = "gcp:cloudfunctions/function:Function";
  return [{ type, name: "hook", props: { name: "hook", runtime: "nodejs24", environmentVariables } }];
}

function object(content: string): Declared[] {
  const type = "gcp:storage/bucketObject:BucketObject";
  return [{ type, name: "settings", props: { bucket: "shop", name: "settings.env", content } }];
}

function machine(metadata: Readonly<Record<string, string>>): Declared[] {
  return [{ type: "gcp:compute/instance:Instance", name: "machine", props: { name: "worker", metadata } }];
}

function documented(content: string): Declared[] {
  const type = "gcp:monitoring/alertPolicy:AlertPolicy";
  return [{ type, name: "alert", props: { displayName: "Down", documentation: { content } } }];
}

const HERE = { ...generated(), props: { length: 25, special: false, result: "generated1" } };

function tunnel(): Declared {
  const props = { peerIp: "198.51.100.7", sharedSecret: UNKNOWN_TEXT };
  return { type: "gcp:compute/vPNTunnel:VPNTunnel", name: "tunnel", props, madeOf: { sharedSecret: ["password"] } };
}

/** Credentials in plain text, and what only looks like one. */
export const credentials: readonly Case[] = [
  row("keys and values", variable("STORE", "host=10.9.0.3 user=shop password=hunter2 dbname=shop"), AS_URL, [
    ...variable("STORE", "host=10.9.0.3 user=shop dbname=shop"),
  ]),
  row(
    "JDBC",
    variable("STORE", "jdbc:postgresql://10.9.0.3/shop?user=shop&password=hunter2"),
    AS_URL,
    variable("STORE", "jdbc:postgresql://10.9.0.3/shop?user=shop"),
  ),
  row(
    "Go's form for MySQL",
    variable("STORE", "shop:hunter2@tcp(10.9.0.3:3306)/shop"),
    AS_URL,
    variable("STORE", "shop@tcp(10.9.0.3:3306)/shop"),
  ),
  row("an option", args("--db-password=hunter2"), IN_CLEAR, args("--db-password=$(DB_PASS)")),
  row("an option and its value", args("--port", "80", "--api-key", "hunter2"), IN_CLEAR, args("--api-key", "--port")),
  ...["SECRET_KEY_BASE", "APP_KEY", "DB_PW", "RAILS_MASTER_KEY"].map((name) =>
    row(name, variable(name, "hunter2"), IN_CLEAR, variable(`NEXT_PUBLIC_${name}`, "browser")),
  ),
  row(
    "an API key, beside one of browsers",
    variable("MAPS_API_KEY", "hunter2"),
    IN_CLEAR,
    variable("NEXT_PUBLIC_MAPS_API_KEY", "AIza-of-every-browser"),
  ),
  row(
    "a password, beside a switch",
    variable("SHOW_PASSWORD", "hunter2"),
    IN_CLEAR,
    variable("SHOW_PASSWORD", "never"),
  ),
  row(
    "a private key",
    variable("SIGNER", "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----"),
    /holds a private key/,
    variable("SIGNER", "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----"),
  ),
  row("a label", [bucket({ labels: { "db-password": "hunter2", app: "shop", environment: "prod" } })], IN_CLEAR, [
    bucket({ labels: { "db-password": "none", app: "shop", environment: "prod" } }),
  ]),
  row("a function", fn({ DB_PASSWORD: "hunter2" }), IN_CLEAR, fn({ DB_PASSWORD_FILE: "/secrets/password" })),
  row(
    "a function, first version of the API",
    fnV1({ STORE: "postgres://shop:hunter2@10.9.0.3/shop" }),
    AS_URL,
    fnV1({ STORE: "postgres://shop@10.9.0.3/shop" }),
  ),
  row("an object", object("PORT=80\nexport DB_PASSWORD='hunter2'\n"), IN_CLEAR, object("PORT=80\nDB_PASSWORD=${DB}\n")),
  row("a virtual machine", machine({ "db-password": "hunter2" }), IN_CLEAR, machine({ "enable-oslogin": "true" })),
  row(
    "a URL, beside an example for people",
    documented("See postgres://shop:hunter2@db/shop."),
    AS_URL,
    documented("The form is postgres://USER:PASSWORD@HOST/DATABASE."),
  ),
  row(
    "a generated password by way of another resource",
    [HERE, user("generated1"), ...variable("CACHE_LOGIN", "shop,generated1")],
    /contains the generated password password/,
    [HERE, user("generated1"), instance(), ...variable("CACHE_LOGIN", "shop")],
  ),
  row(
    "a generated password in a script, beside a VPN's",
    [
      HERE,
      {
        ...machine({}).at(0),
        props: { metadataStartupScript: UNKNOWN_TEXT },
        madeOf: { metadataStartupScript: ["password"] },
      } as Declared,
    ],
    /metadataStartupScript contains the generated password password/,
    [HERE, tunnel()],
  ),
  {
    policy: "passwords-are-generated",
    title: "a typed password, beside one that is read from Secret Manager",
    breaks: [instance(), { ...user("Hunter2Hunter2Hunter2"), madeOf: {} }],
    says: /^password is not a generated password.*or read it from Secret Manager/m,
    passes: [instance(), { ...user("q7Rz0vKc3LmX9tYw2BnD5hJs"), madeOf: {} }],
  },
];
