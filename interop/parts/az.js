import { NotRun } from "../runner/outcome.js";

/** @type {import("../runner/outcome.js").Part} */
export const az = {
  name: "az",
  run: async () => {
    throw new NotRun(
      "the extension azure-iot of the Azure CLI is in no package registry: az extension add --name azure-iot",
    );
  },
};
