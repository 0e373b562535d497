// Our half of read_posts.py: posts files read on one thread.
#include "data/ingest/source_reader.h"
#include "tools/bench/serve.h"

namespace atelier {
namespace {

/// The number of tags in all posts of `reader`'s file: nothing that was read can be left out unseen.
double count_tags(const SourceReader& reader) {
  size_t tags = 0;
  for (int64_t part = 0; part < reader.part_count(); ++part) {
    for (const Post& post : reader.read(part, PictureProbe()).posts) tags += post.tags.size();
  }
  return static_cast<double>(tags);
}

/// The mode of a run is the file's path.
void bench(const std::vector<std::string>&) {
  serve(0, [](const std::string& path) {
    SourceOptions options;
    options.path = path;
    return count_tags(*open_source(options));
  });
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) { return atelier::bench_main(argc, argv, 0, 0, "read-posts-step", atelier::bench); }
