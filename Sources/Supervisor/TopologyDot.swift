/// A ``Topology`` for Graphviz, in the language dot.
public enum TopologyDot {
  public static func draw(_ topology: Topology) -> String {
    var lines = [
      "graph swrun {", "  rankdir=TB; node [shape=box, style=rounded, fontname=\"sans-serif\"];",
      "  subgraph cluster_host {", "    label=\(quoted([topology.host])); style=rounded;",
    ]
    for (number, parent) in topology.parents.enumerated() {
      let title = [parent.name] + parent.addresses + [parent.carries]
      lines.append("    p\(number) [shape=box, style=filled, label=\(quoted(title))];")
      for (position, slave) in parent.slaves.enumerated() {
        let node = "s\(number)_\(position)"
        lines.append("    \(node) [label=\(quoted(slave.lines))];")
        let style = slave.fault == nil ? "" : " [style=dashed]"
        lines.append("    p\(number) -- \(node)\(style);")
      }
    }
    for (number, other) in topology.others.enumerated() {
      lines.append("    o\(number) [label=\(quoted([other.name, other.network]))];")
    }
    return (lines + ["  }", "}"]).map { $0 + "\n" }.joined()
  }

  /// Lines of a label, as the language has strings: quotes and backslashes marked, no line feed inside.
  private static func quoted(_ lines: [String]) -> String {
    let escaped = lines.map { line in
      line.map { character -> String in
        switch character {
        case "\"": "\\\""
        case "\\": "\\\\"
        default: character.isNewline ? " " : String(character)
        }
      }.joined()
    }
    return "\"" + escaped.joined(separator: "\\n") + "\""
  }
}
