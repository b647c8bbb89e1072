"""Streamlit and Plotly pieces that the pages share; nothing below this package knows of either."""
