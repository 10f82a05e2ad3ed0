import { delimiter, join } from "node:path";
import { SECRET_SIGNATURE, SIGNATURE } from "../terminal/values.ts";
import { cliFolder } from "../engine/pulumi-home.ts";
import { localFolder, privateFolder } from "../engine/private-folder.ts";
import { backendOf } from "../engine/stack-file.ts";
import { readState, type StackState } from "../engine/state.ts";
import { UserError } from "../terminal/user-error.ts";
import { NotVisible } from "../google/reader.ts";

/** A decrypted secret in an exported state. */
interface Shown {
  readonly [SIGNATURE]?: string;
  /** As JSON. */
  readonly plaintext?: string;
}

/**
 * The password of a login in a stack's state, decrypted. Does not install the CLI.
 * @param root The repository's root.
 * @throws NotVisible if the state cannot be read within ten seconds or decrypted, or does not contain the login.
 */
export async function generatedPassword(stack: string, root: string, login: string): Promise<string> {
  const { deployment } = await readState(place(stack, root), { showSecrets: true, timeout: 10_000 }).catch(
    (error: unknown) => {
      throw error instanceof UserError ? new NotVisible(error.message) : error;
    },
  );
  const users = (deployment.resources ?? []).filter(({ type }) => type === "gcp:sql/user:User");
  const password = users.find(({ inputs }) => inputs.name === login)?.inputs.password as Shown | undefined;
  if (password?.[SIGNATURE] !== SECRET_SIGNATURE || password.plaintext === undefined) {
    throw new NotVisible(`the state of ${stack} has no password for ${login}`);
  }
  return JSON.parse(password.plaintext) as string;
}

/** Uses the CLI on PATH, or else the one that the commands have installed. */
function place(stack: string, root: string): StackState {
  const { envVars, workDir } =
    stack === "local"
      ? privateFolder(localFolder(root))
      : { envVars: { PULUMI_BACKEND_URL: backendOf(stack) ?? "" }, workDir: root };
  const PATH = [process.env.PATH, join(cliFolder(), "bin")].join(delimiter);
  return {
    name: stack,
    workspace: {
      envVars: { ...envVars, PULUMI_SKIP_UPDATE_CHECK: "true", PATH },
      pulumiCommand: { command: "pulumi" },
      workDir,
    },
  };
}
