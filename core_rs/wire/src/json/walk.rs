//! Walking over the parts of an object or an array.

use super::{Kind, Result, Scanner};

/// Calls `on` for each member of the object that starts here; `on` must take the value.
#[inline]
pub fn each_member<'b>(
    scanner: &mut Scanner<'b>,
    mut on: impl FnMut(&[u8], &mut Scanner<'b>) -> Result<()>,
) -> Result<()> {
    scanner.enter()?;
    let mut first = true;
    while let Some(key) = scanner.next_key(first)? {
        first = false;
        key.as_key(|name| on(name, scanner))?;
    }
    Ok(())
}

/// Calls `on` for each object of the array that starts here; anything else is passed over.
#[inline]
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
