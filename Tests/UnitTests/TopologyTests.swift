import Testing

@testable import Supervisor

@Suite("the picture of a network")
struct TopologyTests {
  private func slave(_ owner: String, _ address: String) -> Topology.Slave {
    Topology.Slave(
      owner: owner, interface: "eth0", addresses: [address], network: "lan", fault: nil)
  }

  private func topology(_ count: Int) -> Topology {
    Topology(
      host: "pc",
      parents: [
        Topology.Parent(
          name: "eth0", isUp: true, carries: "ipvlan l2", addresses: ["10.0.0.1/24"],
          slaves: (0..<count).map { slave("node\($0)", "10.0.0.\($0 + 2)/24") })
      ], others: [Topology.Other(name: "alone", network: "none")])
  }

  @Test("is drawn with boxes that hang on their parent")
  func text() {
    #expect(
      TopologyText.draw(topology(3), width: 44) == """
        ┌─ pc ─────────────────────────────────────┐
        │ ■ eth0  10.0.0.1/24  ipvlan l2           │
        │ ├────────┬───────────────┐               │
        │ │ ┌──────┴──────┐ ┌──────┴──────┐        │
        │ │ │ node0       │ │ node1       │        │
        │ │ │ eth0 (lan)  │ │ eth0 (lan)  │        │
        │ │ │ 10.0.0.2/24 │ │ 10.0.0.3/24 │        │
        │ │ └─────────────┘ └─────────────┘        │
        │ └────────┐                               │
        │   ┌──────┴──────┐                        │
        │   │ node2       │                        │
        │   │ eth0 (lan)  │                        │
        │   │ 10.0.0.4/24 │                        │
        │   └─────────────┘                        │
        │                                          │
        │ alone  (network: none)                   │
        └──────────────────────────────────────────┘

        """)
    #expect(TopologyText.draw(Topology(host: "pc"), width: 80).contains("no interface carries"))
  }

  @Test("fits its width, however many instances there are and whatever they are called")
  func widths() {
    var hostile = topology(300)
    hostile.parents[0].slaves[0].owner = String(repeating: "x", count: 400)
    hostile.parents[0].slaves[1].owner = "a\u{1b}[31mb\nc"
    for width in [1, 40, 80, 133] {
      let lines = TopologyText.draw(hostile, width: width).split(separator: "\n")
      #expect(lines.allSatisfy { $0.count == max(40, width) })
      #expect(lines.allSatisfy { !$0.contains("\u{1b}") })
      #expect(lines.contains { $0.contains("└ and 100 more") })
    }
  }

  @Test("text from outside is no markup in SVG, and no syntax in dot")
  func escaping() {
    var hostile = topology(1)
    hostile.host = "<script>&\"'\u{1}"
    hostile.parents[0].slaves[0].owner = "a\"]; evil [label=\"\\"
    let svg = TopologyPicture.draw(hostile)
    #expect(svg.contains("&lt;script&gt;&amp;&quot;&apos; <") && !svg.contains("<script>"))
    #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))
    let dot = TopologyDot.draw(hostile)
    #expect(dot.contains(#"label="a\"]; evil [label=\"\\\n"#), "\(dot)")
  }
}
