from dataclasses import dataclass, field


@dataclass
class Row:
    cells: list[str]
    targets: list[str] = field(default_factory=list)

    def expect(self, target: str, reached: bool) -> None:
        self.targets.append(f"{target}: {'reached' if reached else 'MISSED'}")


@dataclass
class Table:
    title: str
    heads: list[str]
    rows: list[Row] = field(default_factory=list)

    def __str__(self) -> str:
        heads = [*self.heads, "target"]
        lines = [[*row.cells, "; ".join(row.targets)] for row in self.rows]
        widths = [max(len(line[column]) for line in [heads, *lines]) for column in range(len(heads))]
        rule = "|".join("-" * (width + 2) for width in widths)

        def line(cells: list[str]) -> str:
            return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

        return "\n".join([f"### {self.title}", "", line(heads), f"|{rule}|", *map(line, lines), ""])
