/** Sends settlement commands at a steady rate, whatever the answers take. */
export class SteadyClient {
  private readonly answers: Promise<number>[] = [];
  private readonly timer: NodeJS.Timeout;

  /**
   * @param url The service's.
   * @param token Of somebody who may call it.
   * @param interval Milliseconds from one command to the next.
   */
  constructor(url: string, token: string, interval = 100) {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const send = async (number: number) => {
      const command = { command_id: `client-${number}`, workflow_id: "client", account_ref: "client" };
      return (await fetch(`${url}/commands`, { method: "POST", headers, body: JSON.stringify(command) })).status;
    };
    this.timer = setInterval(() => this.answers.push(send(this.answers.length).catch(() => 0)), interval);
  }

  /** How many commands were sent. */
  get sent(): number {
    return this.answers.length;
  }

  /** @returns The status of every answer, 0 where there was none. */
  async stop(): Promise<number[]> {
    clearInterval(this.timer);
    return Promise.all(this.answers);
  }
}
