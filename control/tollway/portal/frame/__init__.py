"""What all pages share: who looks, in which language, the frame around the content, forms, assets, error pages."""
