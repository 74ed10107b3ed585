import Testing

@testable import Network

@Suite("other rules of the host")
struct ForwardChainTests {
  @Test("chains that drop what they forward are found in what nft prints")
  func dropping() {
    let text = """
      table ip filter {
      \tchain FORWARD {
      \t\ttype filter hook forward priority filter; policy drop;
      \t}
      \tchain INPUT {
      \t\ttype filter hook input priority filter; policy drop;
      \t}
      }
      table inet open {
      \tchain f {
      \t\ttype filter hook forward priority filter; policy accept;
      \t}
      }
      """
    #expect(NftablesProgram.dropping(text) == ["ip filter FORWARD"])
    #expect(NftablesProgram.dropping("") == [])
  }
}
