// A post out of a JSON object: Danbooru's API shape, the dumps of 2017-2021, gallery-dl's and others' sidecars.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "data/ingest/post_record.h"

namespace atelier {

/// Reads one object after another with memory of its own. Not for several threads at once.
class JsonRecords {
 public:
  JsonRecords();
  ~JsonRecords();
  JsonRecords(const JsonRecords&) = delete;
  JsonRecords& operator=(const JsonRecords&) = delete;

  /// The record is to be finished before the next call. DataError "bad_json" for what is no object, "bad_value"
  /// (where: the field) for values that cannot be what their name says.
  PostRecord read(std::string_view json);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace atelier
