import type { FastifyPluginCallbackZod } from "fastify-type-provider-zod";
import type { z } from "zod";
import type { NamedBlob } from "../../../domain/files/blob.ts";
import { blobPath } from "../../../domain/files/blob-name.ts";
import { timeText } from "../../../domain/time.ts";
import { callerOf } from "../auth.ts";
import {
  type fileAnswer,
  filePage,
  filesQuery,
  filesState,
  folderParams,
} from "../schemas/files.ts";
import { type RouteParts, errorAnswers } from "./parts.ts";

const tags = ["File upload"];

/** What devices have uploaded, and what imports and exports have written. Ours, not Azure's. */
export function storedFileRoutes({ hub }: RouteParts): FastifyPluginCallbackZod {
  const { files } = hub;
  return (app, _options, done) => {
    app.route({
      method: "GET",
      url: "/$hub/files",
      schema: {
        tags,
        summary: "Tell where files of devices go, and whether services hear of them",
        response: { 200: filesState, ...errorAnswers },
      },
      handler: async (request) => ({ ...(await files.state(callerOf(request))) }),
    });

    app.route({
      method: "GET",
      url: "/$hub/files/:folder",
      schema: {
        tags,
        summary: "List the files of a device, or of a ~folder of imports and exports",
        params: folderParams,
        querystring: filesQuery,
        response: { 200: filePage, ...errorAnswers },
      },
      handler: async (request) => {
        const { after, top } = request.query;
        const { folder } = request.params;
        const page = await files.list(callerOf(request), folder, after ?? null, top);
        return {
          files: page.files.map((file) => fileView(file, files.container ?? "")),
          more: page.more,
          openUploads: page.openUploads.map(({ blobName, expires }) => ({
            blobName,
            expires: timeText(expires),
          })),
        };
      },
    });
    done();
  };
}

function fileView({ name, properties }: NamedBlob, container: string): z.output<typeof fileAnswer> {
  const { size, created, lastModified, etag, description } = properties;
  return {
    blobName: name,
    path: `/${container}/${blobPath(name)}`,
    blobSizeInBytes: size,
    contentType: description.contentType,
    createdTime: timeText(created),
    lastUpdatedTime: timeText(lastModified),
    etag,
  };
}
