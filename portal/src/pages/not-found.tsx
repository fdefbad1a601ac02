import { Link } from "@tanstack/react-router";
import { PageHead } from "../components/parts.tsx";

export function NotFound() {
  return (
    <>
      <PageHead title="There is no such page" />
      <p>
        <Link to="/" className="link">
          Go to the overview
        </Link>
      </p>
    </>
  );
}
