// A configuration as a tree of YAML nodes that remember where they came from.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace atelier {

/// Where a value was written: "run.yaml:12", "command line", "default".
struct Origin {
  std::string file;    // empty: not from a file
  int line = 0;        // 1-based
  std::string folder;  // what relative paths are relative to; empty: the current directory

  std::string str() const;
};

struct Node {
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  std::string scalar;
  bool quoted = false;  // a quoted "1" or "null" is a string
  std::vector<Node> list;
  std::vector<std::pair<std::string, Node>> map;  // in file order
  Origin origin;

  static Node of(std::string scalar, bool quoted = false);
  const Node* find(const std::string& key) const;
  Node* find(const std::string& key);
};

}  // namespace atelier
