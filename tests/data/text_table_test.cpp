#include "data/report/text_table.h"

#include <gtest/gtest.h>

#include <string>

namespace atelier {
namespace {

TEST(TextTable, CutsLongNamesToTheWidth) {
  TextTable table({"tag", "posts"});
  table.add({std::string(200, 'x'), "12"});
  EXPECT_EQ(table.str(), "tag" + std::string(73 - 3, ' ') + "  posts\n" + std::string(80, '-') + "\n" +
                             std::string(71, 'x') + ".." + "     12\n");
}

// Of 8 million posts the counts took more than a line beside the name, whose column was cut to less than its mark.
TEST(TextTable, NumbersWiderThanALineAreWhole) {
  TextTable table({"class", "a", "b"});
  table.add({"girl_only", std::string(45, '1'), std::string(45, '2')});
  EXPECT_EQ(table.str(), ".." + std::string(46, ' ') + "a" + std::string(46, ' ') + "b\n" + std::string(96, '-') +
                             "\n..  " + std::string(45, '1') + "  " + std::string(45, '2') + "\n");
}

}  // namespace
}  // namespace atelier
