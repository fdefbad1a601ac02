import { Link } from "@tanstack/react-router";
import { Empty } from "../components/parts.tsx";

export function NotFound() {
  return (
    <Empty title="There is no such page">
      <Link to="/" className="link">
        Go to the overview
      </Link>
    </Empty>
  );
}
