#include "data/ingest/posts_jsonl.h"

#include <algorithm>

#include "configs/base/error.h"
#include "configs/base/text.h"
#include "data/files/files.h"
#include "data/ingest/json_record.h"

namespace atelier {

PostsJsonlReader::PostsJsonlReader(const SourceOptions& options)
    : parts_(options.path, TextParts::Records::kLines), pictures_(options, parts_.paths()) {}

PostBatch PostsJsonlReader::read(int64_t part, const PictureProbe& probe) const {
  PostBatch batch;
  JsonRecords records;
  const PictureFinder& pictures = pictures_.of(parts_.path(part));
  std::string buffer;
  const std::string_view text = parts_.read(part, buffer, batch);
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    ++batch.lines;
    if (line.empty()) continue;
    std::string id;
    try {
      PostRecord record = records.read(line);
      id = record.post.id;
      pictures.find(record, probe);
      batch.posts.push_back(std::move(record).finish(batch.tags));
    } catch (const DataError& error) {
      batch.bad.push_back({id, batch.lines, error.summary(), error.where()});
    }
  }
  parts_.done_with(part, text);
  return batch;
}

}  // namespace atelier
