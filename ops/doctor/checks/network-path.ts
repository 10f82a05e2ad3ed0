import { lastPart } from "../../../infra/google.ts";
import { type Check, finding, ok } from "../check.ts";
import { NotVisible } from "../../google/reader.ts";

/** Name of the range that the stack reserves for Google's services; see `infra/network.ts`. */
const RANGE = "settlement-services";

export const networkPath: Check = {
  id: "network-path",
  title: "Path to the database",
  causes: ["apis", "instance", "service"],
  look: async (facts) => {
    const { settings } = await facts.existingInstance();
    const { ipv4Enabled, privateNetwork } = settings.ipConfiguration ?? {};
    if (ipv4Enabled === true || privateNetwork === undefined) return ok("by the instance's public address");
    const network = lastPart(privateNetwork);
    const { connector, networkInterfaces = [] } = (await facts.existingService()).template.vpcAccess ?? {};
    if (connector !== undefined)
      throw new NotVisible(`the network of the connector ${lastPart(connector)} is not read`);
    // Without a network, the subnetwork's name is that of its network unless somebody chose another.
    const reached = networkInterfaces.map((each) => lastPart(each.network ?? each.subnetwork ?? ""));
    if (!reached.includes(network)) {
      const where = reached.length === 0 ? "the service is in no network" : `the service is in ${reached.join(", ")}`;
      return finding(
        `the instance has a private address in ${network}, and ${where}`,
        facts.updateService(`--network=${network}`, "--vpc-egress=private-ranges-only"),
      );
    }
    if (await facts.isPeered(network)) return ok(`by the network ${network}`);
    return finding(
      `${network} has no private services connection to Google's network, where the instance is`,
      facts.gcloud(
        ...["services", "vpc-peerings", "connect", "--service=servicenetworking.googleapis.com"],
        ...[`--network=${network}`, `--ranges=${RANGE}`],
      ),
    );
  },
};
