import { assert, nat, property } from "fast-check";
import { describe, expect, it } from "vitest";
import { firstPageSize, pageSize, placeOf, rowsBefore } from "./twin-pages.ts";

describe("the place of a row", () => {
  it.each([
    [0, [0, 0]],
    [firstPageSize - 1, [0, firstPageSize - 1]],
    [firstPageSize, [1, 0]],
    [firstPageSize + pageSize - 1, [1, pageSize - 1]],
    [firstPageSize + pageSize, [2, 0]],
  ])("%d is %j, because the first page is a short one", (index, place) => {
    expect(placeOf(index)).toEqual(place);
  });

  it("is on a page after all rows of the pages before", () => {
    assert(
      property(nat(200_000), (index) => {
        const [page, row] = placeOf(index);
        expect(rowsBefore(page) + row).toBe(index);
        expect(row).toBeLessThan(page === 0 ? firstPageSize : pageSize);
      }),
    );
  });
});
