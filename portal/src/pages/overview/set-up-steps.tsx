import { Tab, TabList } from "@fluentui/react-components";
import { useState } from "react";
import { Snippet } from "../../components/secret.tsx";
import { type Language, languages, setUpSteps } from "./set-up.ts";

/** What to write and run in each language to reach the module m1 of the device d1. */
export function SetUpSteps({ hostName }: { readonly hostName: string }) {
  const [language, setLanguage] = useState<Language>("node");
  return (
    <>
      <div>
        <TabList
          size="small"
          selectedValue={language}
          onTabSelect={(_event, { value }) => setLanguage(value as Language)}
          aria-label="Language"
          style={{ flexWrap: "wrap" }}
        >
          {languages.map(({ id, name }) => (
            <Tab key={id} value={id}>
              {name}
            </Tab>
          ))}
        </TabList>
      </div>
      {setUpSteps(language, hostName).map(({ title, text }) => (
        <div key={`${language} ${title}`}>
          <div className="field-name">{title}</div>
          <Snippet text={text} label={title} />
        </div>
      ))}
      <p className="note">
        For the module <code>m1</code> of the device <code>d1</code>.{" "}
        <code>eval &quot;$(twinhub env --device d1 --module m1)&quot;</code> sets
        IOTHUB_MODULE_CONNECTION_STRING and IOTHUB_CONNECTION_STRING, which stand on the
        module&apos;s page and above.
      </p>
    </>
  );
}
