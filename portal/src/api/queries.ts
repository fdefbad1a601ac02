import { QueryClient } from "@tanstack/react-query";
import { isApiError } from "./client.ts";

/** What has been read from the hub, for all pages. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // What the hub has refused it would refuse again; the shell waits for a hub that does not answer.
      retry: (count, error) => !isApiError(error) && count < 2,
      refetchOnWindowFocus: true,
      staleTime: 500,
    },
  },
});
