"""The design system: one macro file and one style block per component, shown together on `/_components`."""
