// Our half of tools/bench/captions.py: captions of one made-up set of posts, on one core, and quality words of eight
// million. Modes: written (a caption file's tags shuffled and thinned), tags (typed tags in their groups), illustrious
// (its v1.0 recipe), rating and window (quality words).
#include <cmath>

#include "configs/schema/reader.h"
#include "data/caption/caption.h"
#include "data/caption/quality_ranks.h"
#include "tools/bench/serve.h"

namespace atelier {
namespace {

constexpr int64_t kCaptions = 20'000;
constexpr size_t kPosts = 8'000'000;

CaptionPolicy recipe(const std::string& name) {
  CaptionOptions options;
  Section section;
  describe(section, options);
  Node root;
  root.kind = Node::Kind::kMap;
  root.map.emplace_back("recipe", Node::of(name));
  read_section(section, root);
  return options;
}

/// A post of 30 tags, written and typed.
class MadeUpPost {
 public:
  MadeUpPost() {
    names_.push_back("1girl");
    for (int i = 1; i < 30; ++i) names_.push_back("tag_of_post_" + std::to_string(i));
    for (const std::string& name : names_) written_ += (written_.empty() ? "" : ", ") + name;
  }

  CaptionSource written() const {
    CaptionSource source;
    source.captions = {written_};
    return source;
  }

  CaptionSource typed(const CaptionPolicy& policy) const {
    CaptionSource source;
    for (size_t i = 0; i < names_.size(); ++i) {
      const TagCategory category = i == 28   ? TagCategory::kArtist
                                   : i == 29 ? TagCategory::kCharacter
                                             : TagCategory::kGeneral;
      const std::string_view name = kTagCategoryNames[static_cast<size_t>(category)];
      source.tags.push_back({names_[i], category, 1000, policy.tag_sets_of(names_[i], name, 1000)});
    }
    source.rating = "general";
    source.year = 2020;
    source.quality = "good quality";
    return source;
  }

 private:
  std::vector<std::string> names_;
  std::string written_;
};

double make_captions(const CaptionSource& source, const CaptionPolicy& policy) {
  size_t bytes = 0;
  for (int64_t i = 0; i < kCaptions; ++i) bytes += make_caption(source, policy, {7, "post", i, 0}).text.size();
  return static_cast<double>(bytes);
}

/// Four ratings with scores of their own, over 18 years.
QualityColumns made_up_posts() {
  QualityColumns columns;
  CounterRng draws(7, "bench", {});
  for (size_t i = 0; i < kPosts; ++i) {
    const uint64_t bits = draws.next();
    columns.rating.push_back(bits & 3);
    const double spread = 10.0 * static_cast<double>(1 + (bits & 3));
    columns.value.push_back(static_cast<int32_t>(-spread * std::log(1 - draws.uniform())));
    columns.created_at.push_back(static_cast<int64_t>(i) * 70);
  }
  return columns;
}

double rank_posts(const QualityColumns& columns, const std::string& within) {
  QualityOptions options;
  options.within = within;
  double best = 0;
  for (const uint8_t word : quality_ranks(columns, options, "")) best += word + 1u == options.words.size();
  return best;
}

void bench(const std::vector<std::string>&) {
  const Stopwatch load;
  const MadeUpPost post;
  const CaptionPolicy kohya = [] {
    CaptionOptions options;
    options.shuffle_caption = true;
    options.keep_tokens = 1;
    options.caption_tag_dropout_rate = 0.1;
    return CaptionPolicy(options);
  }();
  const CaptionPolicy plain, illustrious = recipe("illustrious-v1.0");
  const QualityColumns columns = made_up_posts();
  serve(load.seconds(), [&](const std::string& mode) {
    if (mode == "written") return make_captions(post.written(), kohya);
    if (mode == "tags") return make_captions(post.typed(plain), plain);
    if (mode == "illustrious") return make_captions(post.typed(illustrious), illustrious);
    return rank_posts(columns, mode == "window" ? "rating_window" : "rating");
  });
}

}  // namespace
}  // namespace atelier

int main(int argc, char** argv) { return atelier::bench_main(argc, argv, 0, 0, "captions-step", atelier::bench); }
