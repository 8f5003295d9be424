//! What the types do not allow outside of `hazmat` (F-330, F-508, F-511).
//!
//! Each file in `refused` says what it tries, and the text beside it what the compiler answers.

/// F-330, F-508, F-511: nobody seals under a salt of his choice, or one frame twice.
#[test]
fn no_frame_is_sealed_under_a_salt_of_the_callers_choice_or_twice() {
    trybuild::TestCases::new().compile_fail("tests/refused/*.rs");
}
