//! Walking over the parts of an object or an array.

use super::{Key, Kind, Result, Scanner};

/// Calls `on` for each member of the object that starts here; `on` must take the value.
pub fn each_member<'b>(
    scanner: &mut Scanner<'b>,
    mut on: impl FnMut(&[u8], &mut Scanner<'b>) -> Result<()>,
) -> Result<()> {
    scanner.enter()?;
    let mut first = true;
    while let Some(key) = scanner.next_key(first)? {
        first = false;
        on(Key::of(key).bytes(), scanner)?;
    }
    Ok(())
}

/// Calls `on` for each object of the array that starts here; anything else is passed over.
pub fn each_object<'b>(scanner: &mut Scanner<'b>, mut on: impl FnMut(&mut Scanner<'b>) -> Result<()>) -> Result<()> {
    if scanner.kind()? != Kind::Array {
        return scanner.skip();
    }
    scanner.enter()?;
    let mut first = true;
    while scanner.next_element(first)? {
        first = false;
        if scanner.kind()? == Kind::Object {
            on(scanner)?;
        } else {
            scanner.skip()?;
        }
    }
    Ok(())
}
