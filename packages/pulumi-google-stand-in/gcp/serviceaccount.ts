import type { Fields } from "../fields.ts";
import { absent, type Google, GoogleApiError } from "../google.ts";
import { existing, type Live, type ResourceType } from "../provider.ts";
import { fromRest, restField, toRest } from "../rest.ts";
import {
  apart,
  autonamed,
  deletionPolicy,
  flag,
  output,
  own,
  planning,
  project,
  type Properties,
  text,
} from "../schema.ts";
import { UNKNOWN } from "../values.ts";
import { expand, match } from "./paths.ts";

const account: Properties = {
  accountId: autonamed,
  project,
  displayName: text,
  description: text,
  disabled: apart(planning(false, flag)),
  createIgnoreAlreadyExists: own(flag),
  deletionPolicy,
  email: output(text),
  member: output(text),
  name: output(text),
  uniqueId: output(text),
};
const ACCOUNTS = "projects/{project}/serviceAccounts";
const NAME = `${ACCOUNTS}/{email}`;

function planned({ accountId, project }: Fields): Fields {
  if (accountId === UNKNOWN || project === UNKNOWN) return {};
  const email = `${String(accountId)}@${String(project)}.iam.gserviceaccount.com`;
  return { email, member: `serviceAccount:${email}` };
}

async function read(google: Google, known: Fields): Promise<Live | undefined> {
  const resource = await google.find("iam", expand("{name}", known));
  if (!resource) return undefined;
  const email = String(resource.email);
  return {
    id: String(resource.name),
    values: {
      ...fromRest(account, resource),
      project: resource.projectId,
      accountId: email.split("@")[0],
      disabled: resource.disabled === true,
      member: `serviceAccount:${email}`,
    },
  };
}

const reread = async (google: Google, known: Fields) => existing(await read(google, known), String(known.name));

async function create(google: Google, inputs: Fields): Promise<Fields> {
  const body = { accountId: inputs.accountId, serviceAccount: toRest(account, inputs) };
  try {
    return await google.call("iam", "POST", expand(ACCOUNTS, inputs), { body });
  } catch (error) {
    const ignored = inputs.createIgnoreAlreadyExists === true;
    if (!(ignored && error instanceof GoogleApiError && error.code === 409)) throw error;
    return google.call("iam", "GET", expand(NAME, { ...inputs, ...planned(inputs) }));
  }
}

export const serviceAccount: ResourceType = {
  token: "gcp:serviceaccount/account:Account",
  properties: account,
  idForms: [NAME],
  parseId: (id) => (match(NAME, id) ? { name: id } : undefined),
  planned,
  create: async (google, inputs) => {
    const made = await create(google, inputs);
    if (inputs.disabled === true) await google.call("iam", "POST", expand("{name}:disable", made), { body: {} });
    return reread(google, made);
  },
  read: (google, _id, known) => read(google, known),
  update: async (google, _id, { after, before, changed }) => {
    const { name } = before;
    const fields = changed.filter((property) => !account[property]?.own && !account[property]?.apart);
    if (changed.includes("disabled")) {
      const verb = after.disabled === true ? "disable" : "enable";
      await google.call("iam", "POST", expand(`{name}:${verb}`, before), { body: {} });
    }
    if (fields.length > 0) {
      const updateMask = fields.map((property) => restField(account, property)).join(",");
      const body = { serviceAccount: toRest(account, after), updateMask };
      await google.call("iam", "PATCH", expand("{name}", before), { body });
    }
    return reread(google, { name });
  },
  delete: (google, _id, state) => absent(google.call("iam", "DELETE", expand("{name}", state))),
};
