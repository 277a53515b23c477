"""The engine: indicators, conditions and the bar loop; pure, integers for all money."""
