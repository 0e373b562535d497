// What the browser is given; tests/integration/test_report_page.py looks at what it makes of it.
#include "data/report/report_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "data/report/page_files.h"

namespace atelier {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string data_block(const std::string& page) {
  const std::string opening = "<script type=\"application/json\" id=\"report\">";
  const size_t begin = page.find(opening) + opening.size();
  return page.substr(begin, page.find("</script>", begin) - begin);
}

/// The second stands in the policy's specification; both by `openssl dgst -sha256 -binary | base64`.
TEST(ReportPage, HashesAsPoliciesDo) {
  EXPECT_EQ(csp_hash(""), "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='");
  EXPECT_EQ(csp_hash("alert('Hello, world.');"), "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='");
}

TEST(ReportPage, NothingInTheDataEndsItsElement) {
  const nlohmann::json hostile = {
      {"tag", "</script><script>alert(1)</script><!-- <!--scripts--> \"'\\ \xF0\x9F\x8E\xA8"}};
  const std::string page = report_page(hostile.dump());
  EXPECT_THAT(data_block(page), Not(HasSubstr("<")));
  EXPECT_EQ(nlohmann::json::parse(data_block(page)), hostile);
}

TEST(ReportPage, PolicyNamesEveryScriptAndTheStyleAndNothingElse) {
  const std::string page = report_page("{}");
  const size_t begin = page.find("content=\"default-src") + 9;
  const std::string policy = page.substr(begin, page.find('"', begin) - begin);
  std::string scripts = "script-src";
  for (const EmbeddedFile& file : kPageFiles) {
    if (file.name.ends_with(".js")) scripts += " " + csp_hash(file.text);
    if (file.name == "report.css") {
      EXPECT_THAT(policy, HasSubstr("style-src " + csp_hash(file.text) + ";"));
    }
  }
  EXPECT_THAT(policy, HasSubstr("default-src 'none';"));
  EXPECT_THAT(policy, HasSubstr(scripts + ";"));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
}

TEST(ReportPage, EverythingIsInItsPlaceOnce) {
  const std::string page = report_page("{}");
  for (const char* comment : {"<!--policy-->", "<!--style-->", "<!--scripts-->", "<!--report-->"}) {
    EXPECT_THAT(page, Not(HasSubstr(comment)));
  }
  EXPECT_LT(page.size(), 400'000u);
  EXPECT_EQ(page, report_page("{}"));
}

}  // namespace
}  // namespace atelier
