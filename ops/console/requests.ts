import { randomUUID } from "node:crypto";
import type { Answer } from "../../packages/console/data.ts";
import type { Cloud } from "./cloud.ts";

/** How much of an answer's body is shown, in characters. */
const SHOWN = 2_000;

/** How long a request may take, in milliseconds. */
const LONGEST = 60_000;

/** Sends settlement commands to the service, as a client with the owner's token. */
export class ServiceClient {
  private readonly cloud: Cloud;

  constructor(cloud: Cloud) {
    this.cloud = cloud;
  }

  /** Sends a settlement command, and reads it back if it is accepted. @param account Its account_ref. */
  async send(account: string): Promise<readonly Answer[]> {
    const id = randomUUID();
    const sent = await this.request("/commands", {
      ...{ command_id: id, workflow_id: "console", account_ref: account, payer: "alice", payee: "bob" },
      ...{ asset_symbol: "USDC", amount_numeric: "12.500000000000000000", status: "RECEIVED" },
    });
    return sent.status === 200 ? [sent, await this.request(`/commands/${id}`)] : [sent];
  }

  /** Sends a body with POST, or a GET without one; status 0 without an answer. */
  private async request(path: string, body?: object): Promise<Answer> {
    const begin = performance.now();
    const request = `${body ? "POST" : "GET"} ${path}`;
    const answer = (status: number, text: string): Answer => ({
      ...{ request, status, body: readable(text).slice(0, SHOWN) },
      milliseconds: Math.round(performance.now() - begin),
    });
    const service = await this.cloud.read<gapi.client.run.GoogleCloudRunV2Service>(this.cloud.service);
    if (service?.uri === undefined) return answer(0, "The service does not exist.");
    try {
      const response = await fetch(service.uri + path, {
        method: body ? "POST" : "GET",
        headers: {
          authorization: `Bearer ${this.cloud.token}`,
          ...(body && { "content-type": "application/json" }),
        },
        ...(body && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(LONGEST),
      });
      return answer(response.status, await response.text());
    } catch (error) {
      return answer(0, (error as Error).message);
    }
  }
}

/** The text of an error page of Google's front end; any other body unchanged. */
function readable(text: string): string {
  const heading = /<h1>(.*)<\/h1><h2>(.*)<\/h2>/.exec(text);
  return heading ? `${heading[1] ?? ""}: ${heading[2] ?? ""}` : text;
}
