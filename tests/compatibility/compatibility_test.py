# SPDX-License-Identifier: Apache-2.0
"""The tool that writes docs/compatibility.md, on small SDKs: what it reads, writes and misses."""
import contextlib
import io
import json
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

import compatibility
import report
import sdk_reader
import symbols

BASE = """\
// SPDX-License-Identifier: Apache-2.0
#if __IIG
class Hidden { virtual void Gone(); };
#else
class Base {
public:
    virtual ~Base();
    /// Adds. /* not { a comment */
    virtual void retain() const = 0;
    static Base *Cast(const Base *object);
    int Inline() const { return value_; }
private:
    int value_ = 0;
};
#endif
"""
DEVICE = """\
#include <Kit/Base.h>
typedef void (^Handler)(void);
enum { kMost = 3 };
/*
@iig implementation
class NotRead { void Method(); };
@iig end
*/
class KERNEL Device : public Base
{
public:
    virtual void retain() const override;
    virtual int Start(Base *provider) override;
    virtual int Poke(uint64_t value, Base **made);
    virtual void Fired(OSAction *action TARGET) = 0;
    virtual int SetHandler(OSAction *action TYPE(Fired)) LOCAL;
    /// Not supported
    /// yet: returns kIOReturnUnsupported and logs its name once.
    virtual int Sleep(uint32_t level);
    int Read(uint8_t offset) LOCALONLY;
    int Read(uint8_t offset, uint32_t options) LOCALONLY;
};
"""
PLAIN = """\
#ifdef __cplusplus
extern "C" {
#endif
#define MAKE(type) \\
    ((type *)Make(sizeof(type)))
typedef struct { int a; } Pair;
typedef enum Speed { kSlow } Speed;
extern const uint64_t PageSize;
CF_EXPORT void *Make(size_t size) __attribute__((malloc));
static inline int Twice(int value) { return value * 2; }
template <typename T, typename U = Wrapped<T>>
class Pointer {
public:
    explicit operator bool() const noexcept { return object_ != nullptr; }
    T *get() const { return object_; }
};
#ifdef __cplusplus
}
#endif
"""
API = {"frameworks": [{"name": "Kit", "groups": [
    {"name": "Device", "kind": "class",
     "members": ["Cast", "Poke", {"name": "Sleep", "since": "20.0"}, "Wake"]},
    {"name": "Radio", "kind": "class", "members": ["Tune"]},
    {"name": "Functions", "kind": "functions", "members": ["Make", "Twice", "Lost"]},
]}]}
DEFINED = {
    "Base::Cast(Base const*)", "Device::Poke(unsigned long, Base**, int (*)(Base*, IORPC))",
    "Device::Poke_Impl(unsigned long, Base**)", "Device::Sleep(unsigned int, int (*)(Base*, IORPC))",
    "Device::Sleep_Impl(unsigned int)", "Make",
}


class SdkTestCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("sdk/Kit/Base.h", BASE)
        self.write("sdk/Kit/Device.iig", DEVICE)
        self.write("sdk/Kit/Plain.h", PLAIN)
        self.write("tools/compatibility/public_api.json", json.dumps(API))

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def sdk(self):
        return sdk_reader.read_sdk(self.root / "sdk")

    def run_tool(self, *arguments):
        """Exit status, standard output and standard error."""
        command = ["compatibility.py", *arguments, "--root", str(self.root)]
        with mock.patch.object(sys, "argv", command), contextlib.redirect_stdout(io.StringIO()) as out, \
                contextlib.redirect_stderr(io.StringIO()) as err:
            return compatibility.main(), out.getvalue(), err.getvalue()


class ReaderTest(SdkTestCase):
    def test_classes_methods_and_bases_are_read(self):
        sdk = self.sdk()
        self.assertEqual(set(sdk.classes), {"Base", "Device", "Pointer"})
        self.assertEqual(sdk.classes["Device"].bases, ["Base"])
        self.assertEqual(set(sdk.classes["Device"].members),
                         {"retain", "Start", "Poke", "Fired", "SetHandler", "Sleep", "Read"})
        self.assertEqual(len(sdk.classes["Device"].members["Read"]), 2)
        self.assertIn("operator bool", sdk.classes["Pointer"].members)

    def test_text_for_iig_only_and_comments_are_not_read(self):
        self.assertNotIn("Hidden", self.sdk().classes)
        self.assertNotIn("NotRead", self.sdk().classes)

    def test_kind_of_a_method_is_read(self):
        sdk = self.sdk()
        members = sdk.classes["Device"].members
        self.assertTrue(members["Fired"][0].is_pure)
        self.assertTrue(members["Read"][0].is_local_only)
        self.assertTrue(members["Start"][0].is_override)
        self.assertTrue(members["Poke"][0].is_interface)
        self.assertTrue(sdk.classes["Base"].members["Inline"][0].has_body)
        self.assertEqual(members["Poke"][0].where, "Kit/Device.iig:14")

    def test_phrase_over_two_lines_marks_a_method_as_unsupported(self):
        members = self.sdk().classes["Device"].members
        self.assertTrue(members["Sleep"][0].is_unsupported)
        self.assertFalse(members["Read"][0].is_unsupported)

    def test_functions_types_variables_and_macros_are_read(self):
        names = self.sdk().names
        kinds = {name: names[name][0].kind for name in ("Handler", "Pair", "PageSize", "Make", "Twice", "MAKE")}
        self.assertEqual({each.kind for each in names["Speed"]}, {"type"})
        self.assertEqual(kinds, {"Handler": "type", "Pair": "type", "PageSize": "variable", "Make": "function",
                                 "Twice": "function", "MAKE": "macro"})

    def test_method_of_a_base_is_found_with_its_class(self):
        owner, declarations = self.sdk().find_member("Device", "Cast")
        self.assertEqual((owner, len(declarations)), ("Base", 1))
        self.assertEqual(self.sdk().find_member("Device", "Wake"), (None, []))


class PageTest(SdkTestCase):
    def test_states_are_those_of_the_declarations(self):
        groups = API["frameworks"][0]["groups"]
        states = {entry.name: entry.state for group in groups for entry in report.read_group(group, self.sdk())}
        self.assertEqual(states, {"Cast": "works", "Poke": "works", "Sleep": "unsupported", "Wake": "absent",
                                  "Tune": "absent", "Make": "works", "Twice": "works", "Lost": "absent"})

    def test_page_has_counts_names_and_versions(self):
        text = report.page(API, self.sdk(), "the command")
        self.assertIn("| Kit | 4 | 1 | 3 | 8 |\n", text)
        self.assertIn("### class Device: 2 of 4 work\n", text)
        self.assertIn("### class Radio: absent\n", text)
        self.assertIn("- unsupported (1):\n  `Sleep` (20.0)\n", text)

    def test_written_page_passes_the_check(self):
        self.assertEqual(self.run_tool("write")[0], 0)
        self.assertEqual(self.run_tool("check"), (0, "", ""))

    def test_page_of_another_sdk_fails_and_names_the_command(self):
        self.run_tool("write")
        self.write("sdk/Kit/Device.iig", DEVICE.replace("Poke", "Prod"))
        status, _, error = self.run_tool("check")
        self.assertEqual(status, 1)
        self.assertIn("run: python3 tools/compatibility/compatibility.py write", error)


class SymbolsTest(SdkTestCase):
    def missing(self, defined):
        return list(symbols.missing(API, self.sdk(), symbols.SymbolTable(defined)))

    def test_everything_defined_is_fine(self):
        self.assertEqual(self.missing(DEFINED), [])

    def test_method_of_which_only_the_caller_is_there_is_missing(self):
        found = self.missing(DEFINED - {"Device::Poke_Impl(unsigned long, Base**)"})
        self.assertEqual(found, ["sdk/Kit/Device.iig:14: Device::Poke_Impl (1 declared, 0 defined) is declared and "
                                 "not defined; define it, or do not declare it"])

    def test_function_without_a_body_is_missing(self):
        self.assertEqual(len(self.missing(DEFINED - {"Make"})), 1)

    def test_one_body_for_two_overloads_is_too_few(self):
        api = {"frameworks": [{"name": "Kit", "groups": [
            {"name": "Device", "kind": "class", "members": ["Read"]}]}]}
        table = symbols.SymbolTable({"Device::Read(unsigned char)"})
        self.assertEqual(len(list(symbols.missing(api, self.sdk(), table))), 1)


if __name__ == "__main__":
    unittest.main()
