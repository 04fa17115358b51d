# SPDX-License-Identifier: Apache-2.0
"""The checks on small trees: each must find the breach, at its line, and nothing in what is right."""
import pathlib
import tempfile
import unittest

import arrows
import hygiene
import public_docs
import sizes
import source_tree

LICENCE = "// SPDX-License-Identifier: Apache-2.0\n"


class TreeTestCase(unittest.TestCase):
    def breaches(self, rule, files):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                file = pathlib.Path(root, path)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            return list(rule.check(source_tree.SourceTree(root)))

    def assert_breach(self, rule, files, start):
        found = self.breaches(rule, files)
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(start), found[0])

    def assert_clean(self, rule, files):
        self.assertEqual(self.breaches(rule, files), [])


class ArrowsTest(TreeTestCase):
    def test_upward_include_is_found_with_its_line(self):
        self.assert_breach(arrows, {
            "src/base/log.cpp": '\n#include "runtime/object/table.h"\n',
            "src/runtime/object/table.h": "",
        }, "src/base/log.cpp:2: src/base may not include src/runtime/object (runtime/object/table.h)")

    def test_sideways_include_is_found(self):
        self.assert_breach(arrows, {
            "src/registry/tree.h": "#include <iokit/connect.h>\n",
            "src/iokit/connect.h": "",
        }, "src/registry/tree.h:1: src/registry may not include src/iokit")

    def test_include_relative_to_the_file_is_found(self):
        self.assert_breach(arrows, {
            "src/backends/emulated/port.cpp": '#include "families/pci/device.h"\n',
            "src/families/pci/device.h": "",
        }, "src/backends/emulated/port.cpp:1:")

    def test_framework_header_made_from_iig_is_found(self):
        self.assert_breach(arrows, {
            "models/card.cpp": "#include <DriverKit/OSObject.h>\n",
            "sdk/DriverKit/OSObject.iig": "",
        }, "models/card.cpp:1: models may not include sdk")

    def test_downward_includes_are_fine_through_other_rooms_too(self):
        self.assert_clean(arrows, {
            "src/host/session.cpp": '#include "base/log.h"\n#include "backends/api/pci.h"\n#include "session.h"\n'
                                    "#include <DriverKit/OSObject.h>\n#include <vector>\n",
            "src/host/session.h": "",
            "src/base/log.h": "",
            "src/backends/api/pci.h": "",
            "sdk/DriverKit/OSObject.h": "",
        })

    def test_unit_tests_and_programs_may_include_anything(self):
        files = {"src/iokit/connect.h": ""}
        for path in ("src/base/log_test.cpp", "programs/main.cpp", "tests/rig.h"):
            files[path] = '#include "iokit/connect.h"\n'
        self.assert_clean(arrows, files)


def function(num_lines, head="void F() {"):
    return head + "\n" + "    x();\n" * (num_lines - 2) + "}\n"


class SizesTest(TreeTestCase):
    def lengths(self, text):
        return [(name, lines) for name, _, lines in sizes.FunctionScanner(text).scan()]

    def test_long_function_is_found_with_its_line(self):
        many = "".join(function(5, f"int G{i}() {{") for i in range(20))
        self.assert_breach(sizes, {"src/a.cpp": "\n" + function(81) + many},
                           "src/a.cpp:2: F has 81 lines; a function has at most 80")

    def test_long_file_is_found(self):
        files = {f"src/b{i}.h": "" for i in range(20)}
        files["src/a.h"] = "\n" * 801
        self.assert_breach(sizes, files, "src/a.h:1: 801 lines")

    def test_many_functions_above_the_budget_are_found(self):
        self.assert_breach(sizes, {"src/a.cpp": function(36) * 2 + function(3) * 8}, "one function in ten")

    def test_many_files_above_the_budget_are_found(self):
        self.assert_breach(sizes, {"src/a.h": "\n" * 401, "src/b.h": "\n" * 401, "src/c.h": ""},
                           "one file in ten")

    def test_long_python_function_is_found(self):
        self.assert_breach(sizes, {"tests/a.py": "def f():\n" + "    x()\n" * 80}, "tests/a.py:1: f has 81")

    def test_tables_and_golden_files_are_exempt(self):
        self.assert_clean(sizes, {"src/opcode_table.cpp": "\n" * 900, "iig/golden/a.h": "\n" * 900})

    def test_members_lambdas_and_nested_braces_count_to_their_function(self):
        text = ("namespace a {\nclass B : public C {\npublic:\n    void M() {\n        auto f = [] {\n"
                "            return 1;\n        };\n    }\n    int x_ = 3;\n};\n}\n")
        self.assertEqual(self.lengths(text), [("M", 5)])

    def test_aligned_class_is_no_function(self):
        self.assertEqual(self.lengths("class alignas(4096) A {\n    void M() {\n    }\n};\n"), [("M", 2)])

    def test_constructor_with_braced_members_is_one_function(self):
        self.assertEqual(self.lengths("A::A(int x)\n    : b_{x},\n      c_(x), d_{1, 2} {\n    y();\n}\n"),
                         [("A::A", 5)])

    def test_braces_in_strings_comments_and_directives_do_not_count(self):
        text = ('void F() {\n    p("{");  // {\n    q(\'{\');\n    r(R"x({{)x");\n}\n'
                "#define M(a) void a() { \\\n    x(); }\nint big = 1'000'000;\nvoid G() {\n}\n")
        self.assertEqual(self.lengths(text), [("F", 5), ("G", 2)])

    def test_aggregates_and_enums_are_no_functions(self):
        self.assertEqual(self.lengths("int a[] = {\n1,\n};\nenum B : int {\nC,\n};\nstruct D { int e{3}; };\n"), [])


class HygieneTest(TreeTestCase):
    def test_machine_path_is_found_with_its_line(self):
        self.assert_breach(hygiene, {"src/a.cpp": LICENCE + "// see /" + "work/main\n"},
                           "src/a.cpp:2: a path of one machine")

    def test_registry_host_is_found(self):
        self.assert_breach(hygiene, {"docs/a.md": "get it from py" + "pi.org\n"},
                           "docs/a.md:1: the host of a package registry")

    def test_note_of_unfinished_work_is_found(self):
        self.assert_breach(hygiene, {"src/a.cpp": LICENCE + "// TO" + "DO: later\n"},
                           "src/a.cpp:2: a note of unfinished work")

    def test_missing_licence_is_found(self):
        for path, text in {"src/a.cpp": "int a;\n", "CMakeLists.txt": "x()\n", "run": "#!/bin/sh\n",
                           "sdk/A.iig": "class A;\n", "x.py": ""}.items():
            self.assert_breach(hygiene, {path: text}, f"{path}:1: the line 'SPDX")

    def test_forbidden_name_is_found_in_files_and_folders(self):
        for path in ("docs/string_utils.md", "docs/Common/a.md", "docs/QueueManager.md", "docs/io-helper.md"):
            self.assert_breach(hygiene, {path: ""}, f"{path}:1: '")

    def test_clean_files_pass(self):
        self.assert_clean(hygiene, {
            "src/commonality.h": LICENCE, "README.md": "see docs/a.md", "run": "#!/bin/sh\n# " + LICENCE[3:],
            "iig/golden/a.h": "", "data.bin": "x",
        })


class PublicDocsTest(TreeTestCase):
    def undocumented(self, text):
        return [name for _, name in public_docs.DeclarationScanner(text).scan()]

    def test_function_without_comment_is_found_with_its_line(self):
        self.assert_breach(public_docs, {"sdk/IOKit/a.h": LICENCE + "\nint F(int a,\n      int b);\n"},
                           "sdk/IOKit/a.h:3: F has no doc comment")

    def test_class_without_comment_is_found(self):
        self.assertEqual(self.undocumented("class A : public B {\n};\n"), ["class A : public B"])

    def test_methods_are_required_where_they_are_public(self):
        text = ("/// A.\nclass A {\n    int Hidden();\npublic:\n    int F();\n    /// G.\n    int G();\n"
                "    int H() const { return 1; }\n    int I();  ///< I.\nprivate:\n    int J();\n};\n")
        self.assertEqual(self.undocumented(text), ["F", "H"])

    def test_what_has_its_contract_elsewhere_needs_none(self):
        text = ("class A;\n/// B.\nclass B : public A {\npublic:\n    ~B();\n    B(const B &) = delete;\n"
                "    virtual bool init() override;\n    friend void F();\n    bool operator==(int) const;\n};\ntypedef void (*Callback)(int);\n"
                "using Block = void (^)(int);\nOS_BEGIN(x);\n")
        self.assertEqual(self.undocumented(text), [])

    def test_group_comment_stands_for_all_in_it(self):
        self.assertEqual(self.undocumented("/// Counts.\n/// @{\nint F();\nint G();\n/// @}\nint H();\n"), ["H"])

    def test_names_that_differ_in_numbers_share_the_comment_above_the_first(self):
        text = "/// R.\nint Read8(int a);\nint Read8(int a,\n          int b);\nint Read16() {\n}\nint Write8();\n\nint Read32();\n"
        self.assertEqual(self.undocumented(text), ["Write8", "Read32"])

    def test_extern_c_and_attributes_are_seen_through(self):
        text = ('extern "C" {\n/// F.\n__attribute__((format(printf, 1, 2))) int F(const char *, ...);\n'
                "int G(void) __attribute__((noreturn));\n}\n")
        self.assertEqual(self.undocumented(text), ["G"])

    def test_struct_members_and_enumerators_are_no_functions(self):
        self.assertEqual(self.undocumented("/// S.\nstruct S {\n    int a = (1 + 2);\n};\nenum { A = (1), B };\n"
                                           "#define M(x) f(x)\n"), [])

    def test_libc_needs_none(self):
        self.assert_clean(public_docs, {"sdk/libc/string.h": "int F(void);\n"})


if __name__ == "__main__":
    unittest.main()
