import { Option } from "commander";

export function renewKeyOption(): Option {
  return new Option("--kt, --key-type <key>", "which key is made new; swap exchanges the two")
    .choices(["primary", "secondary", "both", "swap"])
    .makeOptionMandatory();
}
