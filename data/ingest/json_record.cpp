#include "data/ingest/json_record.h"

#ifdef __SSE2__
#define RAPIDJSON_SSE2  // before its headers: strings are looked through 16 bytes at a time
#endif
#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>

#include <charconv>
#include <vector>

#include "configs/base/error.h"
#include "configs/base/text.h"

namespace atelier {
namespace {

constexpr int kMaxDepth = 256;   // of what is not used: the parser calls itself for each level
constexpr size_t kPadding = 16;  // the parser may look so far behind the end

/// Takes what the parser finds, piece by piece, into a record. Numbers come as they are written: ids have up to 19
/// digits, which no double holds.
class RecordHandler {
 public:
  explicit RecordHandler(PostRecord& record) : record_(record) {}

  std::string_view key() const { return key_; }
  bool is_object() const { return began_; }

  bool Key(const char* text, rapidjson::SizeType size, bool) {
    if (skipped_ > 0) return true;
    const std::string_view key(text, size);
    if (within_ == Within::kTag) {
      tag_part_ = key == "name" ? &tag_name_ : key == "category" ? &tag_number_ : nullptr;
    } else if (within_ == Within::kMediaAsset) {
      column_.reset();
      if (key == "pixel_hash") column_ = PostColumn::kPixelHash;
    } else {
      key_ = key;
      column_ = post_column(key);
    }
    return true;
  }
  bool String(const char* text, rapidjson::SizeType size, bool) { return scalar({text, size}); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) { return scalar({text, size}); }
  bool Bool(bool value) {
    if (skipped_ > 0 || within_ == Within::kTag || !column_) return true;
    if (within_ == Within::kList) throw DataError("bad_value", "a list of truths");
    record_.set_flag(*column_, value);
    return true;
  }
  bool Null() { return true; }
  bool Int(int) { return true; }  // numbers come by RawNumber
  bool Uint(unsigned) { return true; }
  bool Int64(int64_t) { return true; }
  bool Uint64(uint64_t) { return true; }
  bool Double(double) { return true; }

  bool StartObject() {
    if (!began_) {
      began_ = true;
    } else if (skipped_ == 0 && within_ == Within::kList && column_ >= PostColumn::kTags) {
      within_ = Within::kTag;
      tag_name_ = tag_number_ = {};
    } else if (skipped_ == 0 && within_ == Within::kPost && key_ == "media_asset") {
      within_ = Within::kMediaAsset;
      column_.reset();
    } else {
      return skip();
    }
    return true;
  }
  bool EndObject(rapidjson::SizeType) {
    if (skipped_ > 0) {
      --skipped_;
    } else if (within_ == Within::kTag) {
      within_ = Within::kList;
      add_tag();
    } else {
      within_ = Within::kPost;
    }
    return true;
  }
  bool StartArray() {
    if (!began_) return false;
    const bool list = column_ && (column_ >= PostColumn::kTags || column_ == PostColumn::kFavCount ||
                                  column_ == PostColumn::kCaptions || column_ == PostColumn::kImageSize);
    if (skipped_ == 0 && within_ == Within::kPost && list)
      within_ = Within::kList;
    else
      return skip();
    return true;
  }
  bool EndArray(rapidjson::SizeType size) {
    if (skipped_ > 0) {
      --skipped_;
      return true;
    }
    within_ = Within::kPost;
    if (column_ == PostColumn::kFavCount) record_.set_number(*column_, size);  // the users who like it
    return true;
  }

 private:
  enum class Within { kPost, kList, kTag, kMediaAsset };

  bool scalar(std::string_view text) {
    if (skipped_ > 0) return true;
    if (within_ == Within::kTag) {
      if (tag_part_) *tag_part_ = text;
    } else if (within_ == Within::kList) {
      if (column_ != PostColumn::kFavCount) record_.add(*column_, text);
    } else if (column_) {
      record_.set(*column_, text);
    }
    return true;
  }

  /// What follows up to its closing bracket is not used; where a value of a known name belongs, that is an error. False
  /// where brackets are nested too deep.
  bool skip() {
    const bool expected = column_ && within_ != Within::kMediaAsset && column_ != PostColumn::kFavCount &&
                          (within_ != Within::kTag || tag_part_);
    if (skipped_ == 0 && expected) throw DataError("bad_value");
    return ++skipped_ <= kMaxDepth;
  }

  void add_tag() {
    if (tag_name_.empty()) throw DataError("bad_value", "a tag without a name");
    if (tag_number_.empty()) return record_.add_tag(tag_name_, category_of(*column_));
    int64_t number = -1;
    std::from_chars(tag_number_.data(), tag_number_.data() + tag_number_.size(), number);
    record_.add_tag(tag_name_, site_category(number));
  }

  PostRecord& record_;
  Within within_ = Within::kPost;
  bool began_ = false;
  int skipped_ = 0;  // depth within what is not used
  std::string_view key_;
  std::optional<PostColumn> column_;
  std::string_view tag_name_, tag_number_;
  std::string_view* tag_part_ = nullptr;
};

}  // namespace

struct JsonRecords::Parser {
  rapidjson::Reader reader;
  std::vector<char> text;  // texts are unescaped in place: records view it
};

JsonRecords::JsonRecords() : parser_(std::make_unique<Parser>()) {}
JsonRecords::~JsonRecords() = default;

PostRecord JsonRecords::read(std::string_view json) {
  if (!is_valid_utf8(json)) throw DataError("bad_json", "not UTF-8");
  std::vector<char>& text = parser_->text;
  if (text.size() < json.size() + kPadding) text.resize(2 * json.size() + kPadding);
  std::copy(json.begin(), json.end(), text.begin());
  std::fill_n(text.begin() + static_cast<std::ptrdiff_t>(json.size()), kPadding, '\0');

  PostRecord record;
  RecordHandler handler(record);
  rapidjson::InsituStringStream stream(text.data());
  constexpr unsigned kFlags = rapidjson::kParseInsituFlag | rapidjson::kParseNumbersAsStringsFlag;
  try {
    parser_->reader.Parse<kFlags>(stream, handler);
  } catch (const DataError& error) {
    throw DataError(error.summary(), std::string(handler.key()) + (error.where().empty() ? "" : ": " + error.where()));
  }
  if (parser_->reader.GetParseErrorCode() == rapidjson::kParseErrorTermination) {
    throw DataError("bad_json", atelier::text("no object, or nested more than ", kMaxDepth, " deep"));
  }
  if (parser_->reader.HasParseError()) {
    throw DataError("bad_json", rapidjson::GetParseError_En(parser_->reader.GetParseErrorCode()));
  }
  if (!handler.is_object()) throw DataError("bad_json", "no object");
  return record;
}

}  // namespace atelier
