import type { AuthenticationType } from "../../api/identities.ts";

export const authenticationNames: Readonly<Record<AuthenticationType, string>> = {
  sas: "Symmetric keys",
  selfSigned: "X.509 thumbprints",
  certificateAuthority: "X.509 by CA",
  none: "None",
};
