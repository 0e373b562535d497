#include "configs/schema/node.h"

namespace atelier {

std::string Origin::str() const {
  if (file.empty()) return "default";
  return line > 0 ? file + ":" + std::to_string(line) : file;
}

Node Node::of(std::string scalar, bool quoted) {
  Node node;
  node.kind = Kind::kScalar;
  node.scalar = std::move(scalar);
  node.quoted = quoted;
  return node;
}

const Node* Node::find(const std::string& key) const {
  for (const auto& [name, node] : map) {
    if (name == key) return &node;
  }
  return nullptr;
}

Node* Node::find(const std::string& key) { return const_cast<Node*>(static_cast<const Node*>(this)->find(key)); }

}  // namespace atelier
